#pragma once
// Many digests of one stream in one pass: bytes are fed in steps that stay in the processor's
// cache, so memory is read once however many digests there are.
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
    class Stream;
    class CrcStream;
    class EvpStream;
    template <typename Functions>
    class XxhStream;

    static std::unique_ptr<Stream> make_stream(Algorithm algorithm);

    AlgorithmSet algorithms_;
    std::vector<std::unique_ptr<Stream>> streams_;  // one for each algorithm
};

// The raw digest of bytes that are all there.
std::string digest(Algorithm algorithm, std::span<const std::byte> bytes);

}  // namespace weir::hash
