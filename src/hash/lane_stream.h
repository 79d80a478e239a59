#pragma once
// MD5 and SHA-256 of a stream, either or both, in a form that can be advanced together with other
// streams: each takes one lane of the processor's vectors, so that sixteen streams take little more
// time than one. What sixteen, eight, two or one stream are best run with is chosen by what this
// processor has.
//
// A stream is a value that its owner feeds from one thread at a time; it can be copied and moved.
// Nothing here fails, blocks or allocates.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hash/lane_kernels.h"

namespace weir::hash {

class LaneStream {
  public:
    explicit LaneStream(LaneDigest digest) : digest_(digest) { begin(); }

    LaneDigest digest() const { return digest_; }

    // Of all that was fed: raw digests, empty for the one that was not asked for. The stream begins
    // anew.
    struct Digests {
        std::string md5, sha256;
    };
    Digests finish();

  private:
    friend class LaneRun;

    void begin();
    // Takes the front of `bytes` to fill a block that has begun, or all that is left once no whole
    // block is; the rest is whole blocks first.
    std::span<const std::byte> take_odd_bytes(std::span<const std::byte> bytes);
    Lane lane(const std::byte* data) { return {md5_.data(), sha256_.data(), data}; }

    LaneDigest digest_;
    std::array<std::uint32_t, 4> md5_;
    std::array<std::uint32_t, 8> sha256_;
    std::uint64_t bytes_ = 0;  // all, of which the last bytes_ % lane_block_bytes are in open_
    std::array<std::byte, lane_block_bytes> open_;
};

// The next bytes of one stream.
struct LaneInput {
    LaneStream* stream;
    std::span<const std::byte> bytes;
};

// Feeds any number of streams, no stream twice. Lengths may differ; lanes are best used where they
// do not differ much.
void update_together(std::span<const LaneInput> inputs);

// How many streams are worth gathering: one more would be another run.
std::size_t lanes_worth_gathering();

// Runs lanes of the same digest, with the kernels that take least for so many. Private to hash.
void run_lanes(LaneDigest digest, std::span<const Lane> lanes, std::size_t blocks);

}  // namespace weir::hash
