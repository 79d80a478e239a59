#pragma once
// Many digests of one stream in one pass: bytes are fed in steps that stay in the processor's
// cache, so memory is read once however many digests there are. Several streams can take their
// steps together, which shares the cost of MD5 and SHA-256 among them (hash/lane_stream.h).
//
// A Digester is owned by whoever receives the stream and used by one thread at a time; successive
// updates may come from different threads, and different Digesters share nothing. It can be moved,
// not copied. Nothing here fails: an OpenSSL that lacks a digest is a CHECK.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hash/algorithm.h"
#include "hash/block_crcs.h"
#include "hash/lane_stream.h"

namespace weir::hash {

// The raw digests of one stream, each in the byte order that S3 encodes in base64: big-endian for
// the CRCs and xxHash.
class Digests {
  public:
    // nullopt for an algorithm that was not asked for.
    const std::optional<std::string>& operator[](Algorithm algorithm) const {
        return digests_[static_cast<std::size_t>(algorithm)];
    }
    void set(Algorithm algorithm, std::string digest) {
        digests_[static_cast<std::size_t>(algorithm)] = std::move(digest);
    }
    bool operator==(const Digests&) const = default;

  private:
    std::array<std::optional<std::string>, algorithm_count> digests_;
};

class Digester;

// The next bytes of one stream, and who is to see them.
struct DigesterInput {
    Digester* digester;
    BlockCrcs* block_crcs = nullptr;  // fed too, if there is one
    std::span<const std::byte> bytes = {};
};

// Feeds any number of streams, no stream twice; each as if it were fed alone.
void update_together(std::span<const DigesterInput> inputs);

class Digester {
  public:
    explicit Digester(AlgorithmSet algorithms);
    ~Digester();
    Digester(Digester&& other) noexcept;
    Digester& operator=(Digester&& other) noexcept;

    AlgorithmSet algorithms() const { return algorithms_; }

    void update(std::span<const std::byte> bytes);

    // Of all that was fed; the Digester begins anew with an empty stream.
    Digests finish();

  private:
    friend void update_together(std::span<const DigesterInput> inputs);
    class Stream;
    class CrcStream;
    class EvpStream;
    template <typename Functions>
    class XxhStream;

    static std::unique_ptr<Stream> make_stream(Algorithm algorithm);
    // What is no matter of lanes.
    void update_streams(std::span<const std::byte> bytes);

    AlgorithmSet algorithms_;
    std::optional<LaneStream> lanes_;               // MD5, SHA-256
    std::vector<std::unique_ptr<Stream>> streams_;  // one for each other algorithm
};

// The raw digest of bytes that are all there.
std::string digest(Algorithm algorithm, std::span<const std::byte> bytes);

}  // namespace weir::hash
