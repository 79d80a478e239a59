// Eight lanes in 256-bit vectors, for processors without AVX-512.

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#include "hash/lane_kernels.h"
#include "hash/lane_tables.h"

#define WEIR_INLINE __attribute__((always_inline)) inline

namespace weir::hash {

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
namespace {

#include "hash/lane_rounds.inc"

struct Ops {
    using Vector = std::uint32_t __attribute__((vector_size(32)));
    static constexpr std::size_t lanes = 8;

    static WEIR_INLINE __m256i raw(Vector v) { return (__m256i)v; }
    static WEIR_INLINE Vector of(__m256i v) { return (Vector)v; }

    static WEIR_INLINE Vector broadcast(std::uint32_t word) {
        return of(_mm256_set1_epi32(static_cast<int>(word)));
    }
    template <int N>
    static WEIR_INLINE Vector rotate(Vector v) {
        if constexpr (N == 16) {
            const __m128i order =
                _mm_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2);
            return of(_mm256_shuffle_epi8(raw(v), _mm256_broadcastsi128_si256(order)));
        }
        return (v << N) | (v >> (32 - N));
    }
    template <int N>
    static WEIR_INLINE Vector shift_right(Vector v) {
        return v >> N;
    }
    static WEIR_INLINE Vector swap_bytes(Vector v) {
        const __m128i order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
        return of(_mm256_shuffle_epi8(raw(v), _mm256_broadcastsi128_si256(order)));
    }
    static WEIR_INLINE Vector pin(Vector v) {
        asm("" : "+x"(v));
        return v;
    }
    static WEIR_INLINE Vector select(Vector mask, Vector a, Vector b) {
        return b ^ (mask & pin(a ^ b));
    }
    // The halves share no bits, so they may be added; `a` is late.
    static WEIR_INLINE Vector add_select(Vector sum, Vector mask, Vector a, Vector b) {
        return pin(sum + (~mask & b)) + (mask & a);
    }
    static WEIR_INLINE Vector majority(Vector a, Vector b, Vector c) {
        return (a & b) | (c & (a | b));
    }
    static WEIR_INLINE Vector xor3(Vector a, Vector b, Vector c) { return a ^ b ^ c; }
    static WEIR_INLINE Vector xor_or_not(Vector a, Vector b, Vector c) { return a ^ (b | ~c); }
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

constexpr std::array kernels = {
    LaneKernel{"AVX2", LaneDigest::md5, Ops::lanes, 179, run_md5<Ops>},
    LaneKernel{"AVX2", LaneDigest::sha256, Ops::lanes, 258, run_sha256<Ops>},
    LaneKernel{"AVX2", LaneDigest::both, Ops::lanes, 289, run_both<Ops>},
};

}  // namespace
#pragma clang attribute pop

std::span<const LaneKernel> avx2_lane_kernels() { return kernels; }

}  // namespace weir::hash

#endif
