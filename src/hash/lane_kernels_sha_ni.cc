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
#include "hash/lane_single.inc"

// A stream's eight words as the instructions want them, and the schedule's last sixteen.
struct Sha256Stream {
    __m128i abef, cdgh;
    __m128i schedule[4];
    __m128i abef_before, cdgh_before;

    WEIR_INLINE void load(const std::uint32_t* words) {
        const __m128i abcd = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
        const __m128i efgh = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words + 4));
        const __m128i badc = _mm_shuffle_epi32(abcd, 0xb1);
        const __m128i hgfe = _mm_shuffle_epi32(efgh, 0x1b);
        abef = _mm_alignr_epi8(badc, hgfe, 8);
        cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
    }
    WEIR_INLINE void store(std::uint32_t* words) const {
        const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
        const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
        const __m128i abcd = _mm_blend_epi16(feba, dchg, 0xf0);
        const __m128i efgh = _mm_alignr_epi8(dchg, feba, 8);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(words), abcd);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(words + 4), efgh);
    }
    WEIR_INLINE void begin_block() {
        abef_before = abef;
        cdgh_before = cdgh;
    }
    // Rounds 4 * Quad to 4 * Quad + 3 over the block at `data`.
    template <unsigned Quad>
    WEIR_INLINE void quad(const std::byte* data) {
        __m128i& words = schedule[Quad % 4];
        if constexpr (Quad < 4) {
            const __m128i order =
                _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
            words = _mm_shuffle_epi8(
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + std::size_t{16} * Quad)),
                order);
        } else {
            const __m128i w12 = schedule[(Quad + 1) % 4];
            const __m128i w8 = schedule[(Quad + 2) % 4];
            const __m128i w4 = schedule[(Quad + 3) % 4];
            const __m128i sum =
                _mm_add_epi32(_mm_sha256msg1_epu32(words, w12), _mm_alignr_epi8(w4, w8, 4));
            words = _mm_sha256msg2_epu32(sum, w4);
        }
        const __m128i roots = _mm_load_si128(
            reinterpret_cast<const __m128i*>(sha256_roots.data() + std::size_t{4} * Quad));
        const __m128i added = _mm_add_epi32(words, roots);
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
    }
    WEIR_INLINE void end_block() {
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
};

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
        const std::byte* const a_data = first.data + i * lane_block_bytes;
        const std::byte* const b_data = second.data + i * lane_block_bytes;
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
    LaneKernel{"SHA-NI", LaneDigest::both, 1, 92, run_single<BothStream>},
    LaneKernel{"SHA-NI", LaneDigest::both, 2, 121, run_pair<BothStream>},
};

}  // namespace
#pragma clang attribute pop

std::span<const LaneKernel> sha_ni_lane_kernels() { return kernels; }

}  // namespace weir::hash

#endif
