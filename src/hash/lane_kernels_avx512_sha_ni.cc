// Four to eight lanes of both digests: MD5 in the lanes of a 256-bit vector, and between its steps,
// which wait for one another all the time, SHA-256 by the processor's own instructions, two streams
// by turns.

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#include "hash/lane_kernels.h"
#include "hash/lane_tables.h"

#define WEIR_INLINE __attribute__((always_inline)) inline

namespace weir::hash {

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,sha"))), \
                             apply_to = function)
namespace {

#include "hash/lane_rounds.inc"
#include "hash/lane_sha_ni.inc"

struct Narrow {
    using Vector = std::uint32_t __attribute__((vector_size(32)));
    static constexpr std::size_t lanes = 8;

    static WEIR_INLINE __m256i raw(Vector v) { return (__m256i)v; }
    static WEIR_INLINE Vector of(__m256i v) { return (Vector)v; }

    static WEIR_INLINE Vector broadcast(std::uint32_t word) {
        return of(_mm256_set1_epi32(static_cast<int>(word)));
    }
    template <int N>
    static WEIR_INLINE Vector rotate(Vector v) {
        return of(_mm256_rol_epi32(raw(v), N));
    }
    static WEIR_INLINE Vector pin(Vector v) {
        asm("" : "+v"(v));
        return v;
    }
    static WEIR_INLINE Vector select(Vector mask, Vector a, Vector b) {
        return of(_mm256_ternarylogic_epi32(raw(mask), raw(a), raw(b), 0xca));
    }
    static WEIR_INLINE Vector add_select(Vector sum, Vector mask, Vector a, Vector b) {
        return sum + select(mask, a, b);
    }
    static WEIR_INLINE Vector xor3(Vector a, Vector b, Vector c) {
        return of(_mm256_ternarylogic_epi32(raw(a), raw(b), raw(c), 0x96));
    }
    static WEIR_INLINE Vector xor_or_not(Vector a, Vector b, Vector c) {
        return of(_mm256_ternarylogic_epi32(raw(a), raw(b), raw(c), 0x2d));
    }
    static WEIR_INLINE void load_block(const std::byte* const* data, std::size_t offset,
                                       Vector* words) {
        load_half_block(data, offset, words);
        load_half_block(data, offset + 32, words + 8);
    }
    static WEIR_INLINE void load_half_block(const std::byte* const* data, std::size_t offset,
                                            Vector* words) {
        __m256i columns[8];
        for (std::size_t group = 0; group < 2; ++group) {
            __m256i rows[4];
            for (std::size_t i = 0; i < 4; ++i)
                rows[i] = _mm256_loadu_si256(
                    reinterpret_cast<const __m256i*>(data[4 * group + i] + offset));
            const __m256i low01 = _mm256_unpacklo_epi32(rows[0], rows[1]);
            const __m256i high01 = _mm256_unpackhi_epi32(rows[0], rows[1]);
            const __m256i low23 = _mm256_unpacklo_epi32(rows[2], rows[3]);
            const __m256i high23 = _mm256_unpackhi_epi32(rows[2], rows[3]);
            columns[4 * group] = _mm256_unpacklo_epi64(low01, low23);
            columns[4 * group + 1] = _mm256_unpackhi_epi64(low01, low23);
            columns[4 * group + 2] = _mm256_unpacklo_epi64(high01, high23);
            columns[4 * group + 3] = _mm256_unpackhi_epi64(high01, high23);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            words[i] = of(_mm256_permute2x128_si256(columns[i], columns[4 + i], 0x20));
            words[4 + i] = of(_mm256_permute2x128_si256(columns[i], columns[4 + i], 0x31));
        }
    }
};

// Two streams of SHA-256 by turns.
struct Sha256Pair {
    Sha256Stream a, b;
    const std::byte* a_data;
    const std::byte* b_data;

    WEIR_INLINE void begin_block(const std::uint32_t (*words)[8], const std::byte* const* data,
                                 std::size_t offset) {
        a.load(words[0]);
        b.load(words[1]);
        a_data = data[0] + offset;
        b_data = data[1] + offset;
        a.begin_block();
        b.begin_block();
    }
    template <unsigned Quad>
    WEIR_INLINE void quad() {
        a.quad<Quad>(a_data);
        b.quad<Quad>(b_data);
    }
    WEIR_INLINE void end_block(std::uint32_t (*words)[8]) {
        a.end_block();
        b.end_block();
        a.store(words[0]);
        b.store(words[1]);
    }
};

struct BothLanes {
    Md5State<Narrow> md5;
    alignas(64) std::uint32_t sha256[Narrow::lanes][8];
    const std::byte* data[Narrow::lanes];
};

// Quad `Turn` of the sixteen quads of each pair, one pair after the other.
template <unsigned Turn>
WEIR_INLINE void sha256_turn(BothLanes& lanes, Sha256Pair& pair, std::size_t offset) {
    constexpr std::size_t first = std::size_t{2} * (Turn / 16);
    if constexpr (Turn % 16 == 0)
        pair.begin_block(lanes.sha256 + first, lanes.data + first, offset);
    pair.quad<Turn % 16>();
    if constexpr (Turn % 16 == 15) pair.end_block(lanes.sha256 + first);
}

template <unsigned Quad, unsigned... Turns>
WEIR_INLINE void both_quads(BothLanes& lanes, Sha256Pair& pair, const Narrow::Vector* block,
                            std::size_t offset, std::integer_sequence<unsigned, Turns...>) {
    md5_quad<Narrow, Quad>(lanes.md5, block);
    (sha256_turn<Quad * sizeof...(Turns) + Turns>(lanes, pair, offset), ...);
}

template <unsigned Pairs, unsigned... AllQuads>
WEIR_INLINE void both_pairs_block(BothLanes& lanes, std::size_t offset,
                                  std::integer_sequence<unsigned, AllQuads...>) {
    const Md5State<Narrow> before = lanes.md5;
    Narrow::Vector block[16];
    Narrow::load_block(lanes.data, offset, block);
    Sha256Pair pair;
    (both_quads<AllQuads>(lanes, pair, block, offset,
                          std::make_integer_sequence<unsigned, Pairs>()),
     ...);
    for (unsigned i = 0; i < 4; ++i) lanes.md5.words[i] = lanes.md5.words[i] + before.words[i];
}

template <unsigned Pairs>
void run_pairs(std::span<const Lane> lanes, std::size_t blocks) {
    BothLanes both;
    load_words<Narrow, &Lane::md5>(lanes, both.md5.words, 4);
    for (std::size_t i = 0; i < Narrow::lanes; ++i) {
        const Lane& lane = lanes[i < lanes.size() ? i : 0];
        both.data[i] = lane.data;
        std::memcpy(both.sha256[i], lane.sha256, sizeof both.sha256[i]);
    }
    for (std::size_t i = 0; i < blocks; ++i)
        both_pairs_block<Pairs>(both, i * lane_block_bytes, Quads());
    store_words<Narrow, &Lane::md5>(lanes, both.md5.words, 4);
    for (std::size_t i = 0; i < lanes.size(); ++i)
        std::memcpy(lanes[i].sha256, both.sha256[i], sizeof both.sha256[i]);
}

constexpr std::array kernels = {
    LaneKernel{"AVX-512 and SHA-NI", LaneDigest::both, 4, 157, run_pairs<2>},
    LaneKernel{"AVX-512 and SHA-NI", LaneDigest::both, 6, 170, run_pairs<3>},
    LaneKernel{"AVX-512 and SHA-NI", LaneDigest::both, 8, 200, run_pairs<4>},
};

}  // namespace
#pragma clang attribute pop

std::span<const LaneKernel> avx512_sha_ni_lane_kernels() { return kernels; }

}  // namespace weir::hash

#endif
