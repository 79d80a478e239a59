// SHA-256 by the processor's own instructions for it, of one stream or of two by turns, alone or
// with MD5 in the general registers: what waits leaves room for the other.

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "hash/lane_kernels.h"
#include "hash/lane_tables.h"

#define WEIR_INLINE __attribute__((always_inline)) inline

namespace weir::hash {

#pragma clang attribute push(__attribute__((target("sha,sse4.1,ssse3"))), apply_to = function)
namespace {

#include "hash/lane_rounds.inc"
#include "hash/lane_sha_ni.inc"
#include "hash/lane_single.inc"

struct Md5Stream {
    Md5State<Single> state, before;

    WEIR_INLINE void load(const std::uint32_t* from) { std::memcpy(&state, from, sizeof state); }
    WEIR_INLINE void store(std::uint32_t* to) const { std::memcpy(to, &state, sizeof state); }
    WEIR_INLINE void begin_block() { before = state; }
    template <unsigned Quad>
    WEIR_INLINE void quad(const std::byte* data) {
        std::uint32_t block[16];
        Single::load_block(&data, 0, block);
        md5_quad<Single, Quad>(state, block);
    }
    WEIR_INLINE void end_block() {
        for (unsigned i = 0; i < 4; ++i) state.words[i] += before.words[i];
    }
};

// A stream of both.
struct BothStream {
    Md5Stream md5;
    Sha256Stream sha256;

    WEIR_INLINE void begin_block() {
        md5.begin_block();
        sha256.begin_block();
    }
    template <unsigned Quad>
    WEIR_INLINE void quad(const std::byte* data) {
        md5.quad<Quad>(data);
        sha256.quad<Quad>(data);
    }
    WEIR_INLINE void end_block() {
        md5.end_block();
        sha256.end_block();
    }
};

WEIR_INLINE void load(const Lane& lane, Sha256Stream& stream) { stream.load(lane.sha256); }
WEIR_INLINE void load(const Lane& lane, BothStream& stream) {
    stream.md5.load(lane.md5);
    stream.sha256.load(lane.sha256);
}
WEIR_INLINE void store(const Lane& lane, const Sha256Stream& stream) { stream.store(lane.sha256); }
WEIR_INLINE void store(const Lane& lane, const BothStream& stream) {
    stream.md5.store(lane.md5);
    stream.sha256.store(lane.sha256);
}

template <typename Stream, unsigned... Quads>
WEIR_INLINE void run_one(const Lane& lane, std::size_t blocks,
                         std::integer_sequence<unsigned, Quads...>) {
    Stream stream;
    load(lane, stream);
    const std::byte* data = lane.data;
    for (; blocks > 0; --blocks, data += lane_block_bytes) {
        stream.begin_block();
        (stream.template quad<Quads>(data), ...);
        stream.end_block();
    }
    store(lane, stream);
}

template <typename Stream, unsigned... Quads>
WEIR_INLINE void run_two(const Lane& first, const Lane& second, std::size_t blocks,
                         std::integer_sequence<unsigned, Quads...>) {
    Stream a, b;
    load(first, a);
    load(second, b);
    for (std::size_t i = 0; i < blocks; ++i) {
        // On the stack, so that no register is needed to find them.
        std::byte a_data[lane_block_bytes];
        std::byte b_data[lane_block_bytes];
        std::memcpy(a_data, first.data + i * lane_block_bytes, lane_block_bytes);
        std::memcpy(b_data, second.data + i * lane_block_bytes, lane_block_bytes);
        a.begin_block();
        b.begin_block();
        ((a.template quad<Quads>(a_data), b.template quad<Quads>(b_data)), ...);
        a.end_block();
        b.end_block();
    }
    store(first, a);
    store(second, b);
}

template <typename Stream>
void run_single(std::span<const Lane> lanes, std::size_t blocks) {
    run_one<Stream>(lanes[0], blocks, Quads());
}

template <typename Stream>
void run_pair(std::span<const Lane> lanes, std::size_t blocks) {
    if (lanes.size() == 1) {
        run_one<Stream>(lanes[0], blocks, Quads());
    } else {
        run_two<Stream>(lanes[0], lanes[1], blocks, Quads());
    }
}

constexpr std::array kernels = {
    LaneKernel{"SHA-NI", LaneDigest::sha256, 1, 32, run_single<Sha256Stream>},
    LaneKernel{"SHA-NI", LaneDigest::sha256, 2, 44, run_pair<Sha256Stream>},
    LaneKernel{"SHA-NI", LaneDigest::both, 1, 74, run_single<BothStream>},
    LaneKernel{"SHA-NI", LaneDigest::both, 2, 114, run_pair<BothStream>},
};

}  // namespace
#pragma clang attribute pop

std::span<const LaneKernel> sha_ni_lane_kernels() { return kernels; }

}  // namespace weir::hash

#endif
