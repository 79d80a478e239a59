// Sixteen lanes in 512-bit vectors. AVX-512 has the rotations and the functions of three words that
// both digests are made of as one instruction each. Vectors of 256 bits are no faster: what takes
// the time is that each step waits for the one before.

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#include "hash/lane_kernels.h"
#include "hash/lane_tables.h"

#define WEIR_INLINE __attribute__((always_inline)) inline

namespace weir::hash {

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw"))), apply_to = function)
namespace {

#include "hash/lane_rounds.inc"

struct Wide {
    using Vector = std::uint32_t __attribute__((vector_size(64)));
    static constexpr std::size_t lanes = 16;

    static WEIR_INLINE __m512i raw(Vector v) { return (__m512i)v; }
    static WEIR_INLINE Vector of(__m512i v) { return (Vector)v; }

    static WEIR_INLINE Vector broadcast(std::uint32_t word) {
        return of(_mm512_set1_epi32(static_cast<int>(word)));
    }
    template <int N>
    static WEIR_INLINE Vector rotate(Vector v) {
        return of(_mm512_rol_epi32(raw(v), N));
    }
    template <int N>
    static WEIR_INLINE Vector shift_right(Vector v) {
        return of(_mm512_srli_epi32(raw(v), N));
    }
    static WEIR_INLINE Vector swap_bytes(Vector v) {
        const __m128i order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
        return of(_mm512_shuffle_epi8(raw(v), _mm512_broadcast_i32x4(order)));
    }
    static WEIR_INLINE Vector pin(Vector v) {
        asm("" : "+v"(v));
        return v;
    }
    static WEIR_INLINE Vector select(Vector mask, Vector a, Vector b) {
        return of(_mm512_ternarylogic_epi32(raw(mask), raw(a), raw(b), 0xca));
    }
    static WEIR_INLINE Vector add_select(Vector sum, Vector mask, Vector a, Vector b) {
        return sum + select(mask, a, b);
    }
    static WEIR_INLINE Vector majority(Vector a, Vector b, Vector c) {
        return of(_mm512_ternarylogic_epi32(raw(a), raw(b), raw(c), 0xe8));
    }
    static WEIR_INLINE Vector xor3(Vector a, Vector b, Vector c) {
        return of(_mm512_ternarylogic_epi32(raw(a), raw(b), raw(c), 0x96));
    }
    // a ^ (b | ~c)
    static WEIR_INLINE Vector xor_or_not(Vector a, Vector b, Vector c) {
        return of(_mm512_ternarylogic_epi32(raw(a), raw(b), raw(c), 0x2d));
    }

    // Four rows' words 4 * i to 4 * i + 3, in lane i of 128 bits, from rows to columns.
    static WEIR_INLINE void transpose_4(const __m512i* rows, __m512i* out) {
        const __m512i low01 = _mm512_unpacklo_epi32(rows[0], rows[1]);
        const __m512i high01 = _mm512_unpackhi_epi32(rows[0], rows[1]);
        const __m512i low23 = _mm512_unpacklo_epi32(rows[2], rows[3]);
        const __m512i high23 = _mm512_unpackhi_epi32(rows[2], rows[3]);
        out[0] = _mm512_unpacklo_epi64(low01, low23);
        out[1] = _mm512_unpackhi_epi64(low01, low23);
        out[2] = _mm512_unpacklo_epi64(high01, high23);
        out[3] = _mm512_unpackhi_epi64(high01, high23);
    }

    static WEIR_INLINE void load_block(const std::byte* const* data, std::size_t offset,
                                       Vector* words) {
        __m512i columns[16];
        for (std::size_t group = 0; group < 4; ++group) {
            __m512i rows[4];
            for (std::size_t i = 0; i < 4; ++i)
                rows[i] = _mm512_loadu_si512(data[4 * group + i] + offset);
            transpose_4(rows, columns + 4 * group);
        }
        // Each column is in four vectors now, each with four of its words in the right lane.
        for (std::size_t i = 0; i < 4; ++i) {
            const __m512i a = columns[i];
            const __m512i b = columns[4 + i];
            const __m512i c = columns[8 + i];
            const __m512i d = columns[12 + i];
            const __m512i ab_low = _mm512_shuffle_i32x4(a, b, 0x44);
            const __m512i ab_high = _mm512_shuffle_i32x4(a, b, 0xee);
            const __m512i cd_low = _mm512_shuffle_i32x4(c, d, 0x44);
            const __m512i cd_high = _mm512_shuffle_i32x4(c, d, 0xee);
            words[i] = of(_mm512_shuffle_i32x4(ab_low, cd_low, 0x88));
            words[4 + i] = of(_mm512_shuffle_i32x4(ab_low, cd_low, 0xdd));
            words[8 + i] = of(_mm512_shuffle_i32x4(ab_high, cd_high, 0x88));
            words[12 + i] = of(_mm512_shuffle_i32x4(ab_high, cd_high, 0xdd));
        }
    }
};

constexpr std::array kernels = {
    LaneKernel{"AVX-512", LaneDigest::md5, Wide::lanes, 136, run_md5<Wide>},
    LaneKernel{"AVX-512", LaneDigest::sha256, Wide::lanes, 195, run_sha256<Wide>},
    LaneKernel{"AVX-512", LaneDigest::both, Wide::lanes, 300, run_both<Wide>},
};

}  // namespace
#pragma clang attribute pop

std::span<const LaneKernel> avx512_lane_kernels() { return kernels; }

}  // namespace weir::hash

#endif
