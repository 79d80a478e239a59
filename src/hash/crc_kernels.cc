#include "hash/crc_kernels.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::hash {

static_assert(std::endian::native == std::endian::little,
              "the kernels load bytes as little-endian words");

std::uint64_t run_crc_portable(const CrcPolynomial& polynomial, std::uint64_t reg,
                               std::span<const std::byte> bytes) {
    const auto& slices = polynomial.slices;
    const std::byte* data = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; data += 8, left -= 8) {
        std::uint64_t word;
        std::memcpy(&word, data, 8);
        word ^= reg;
        reg = slices[7][word & 0xff] ^ slices[6][(word >> 8) & 0xff] ^
              slices[5][(word >> 16) & 0xff] ^ slices[4][(word >> 24) & 0xff] ^
              slices[3][(word >> 32) & 0xff] ^ slices[2][(word >> 40) & 0xff] ^
              slices[1][(word >> 48) & 0xff] ^ slices[0][word >> 56];
    }
    for (; left > 0; ++data, --left) {
        reg = (reg >> 8) ^ slices[0][(reg ^ std::to_integer<std::uint64_t>(*data)) & 0xff];
    }
    return reg;
}

#if defined(__x86_64__)
namespace {

// Folding: 128 bits of message may be replaced by their product with x^D mod P, D bits later,
// without changing the remainder. Many such values run side by side; the last one left, sixteen
// bytes long, is a message with the same CRC as all that went before it, and goes through the
// tables. Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (2009).

#define WEIR_PCLMUL __attribute__((target("pclmul,sse4.1")))
#define WEIR_VPCLMUL __attribute__((target("pclmul,sse4.1,avx512f,vpclmulqdq")))
#define WEIR_INLINE __attribute__((always_inline)) inline

WEIR_PCLMUL WEIR_INLINE __m128i load(const std::byte* data) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
}

WEIR_PCLMUL WEIR_INLINE __m128i pair(const FoldFactors& factors) {
    return _mm_set_epi64x(std::bit_cast<long long>(factors.later),
                          std::bit_cast<long long>(factors.earlier));
}

WEIR_PCLMUL WEIR_INLINE __m128i fold(__m128i value, __m128i factors, __m128i next) {
    const __m128i earlier = _mm_clmulepi64_si128(value, factors, 0x00);
    const __m128i later = _mm_clmulepi64_si128(value, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(earlier, later), next);
}

// `folded` stands for all bytes before `data`.
WEIR_PCLMUL WEIR_INLINE std::uint64_t finish_fold(const CrcPolynomial& polynomial, __m128i folded,
                                                  const std::byte* data, std::size_t left) {
    const __m128i by_128 = pair(polynomial.fold_128);
    for (; left >= 16; data += 16, left -= 16) folded = fold(folded, by_128, load(data));
    std::array<std::byte, 16> last;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(last.data()), folded);
    return run_crc_portable(polynomial, run_crc_portable(polynomial, 0, last), {data, left});
}

WEIR_PCLMUL std::uint64_t run_crc_pclmul(const CrcPolynomial& polynomial, std::uint64_t reg,
                                         std::span<const std::byte> bytes) {
    const std::byte* data = bytes.data();
    std::size_t left = bytes.size();
    if (left < 16) return run_crc_portable(polynomial, reg, bytes);

    const __m128i first = _mm_cvtsi64_si128(std::bit_cast<long long>(reg));
    if (left < 128) {
        return finish_fold(polynomial, _mm_xor_si128(first, load(data)), data + 16, left - 16);
    }
    constexpr std::size_t lanes = 8;
    std::array<__m128i, lanes> folded;
    for (std::size_t i = 0; i < lanes; ++i) folded[i] = load(data + 16 * i);
    folded[0] = _mm_xor_si128(folded[0], first);
    data += 128;
    left -= 128;
    const __m128i by_1024 = pair(polynomial.fold_1024);
    for (; left >= 128; data += 128, left -= 128) {
        for (std::size_t i = 0; i < lanes; ++i) {
            folded[i] = fold(folded[i], by_1024, load(data + 16 * i));
        }
    }
    const __m128i by_128 = pair(polynomial.fold_128);
    for (std::size_t i = 1; i < lanes; ++i) folded[i] = fold(folded[i - 1], by_128, folded[i]);
    return finish_fold(polynomial, folded[lanes - 1], data, left);
}

WEIR_VPCLMUL WEIR_INLINE __m512i fold_wide(__m512i value, __m512i factors, __m512i next) {
    const __m512i earlier = _mm512_clmulepi64_epi128(value, factors, 0x00);
    const __m512i later = _mm512_clmulepi64_epi128(value, factors, 0x11);
    return _mm512_ternarylogic_epi64(earlier, later, next, 0x96);  // xor of the three
}

WEIR_VPCLMUL std::uint64_t run_crc_vpclmul(const CrcPolynomial& polynomial, std::uint64_t reg,
                                           std::span<const std::byte> bytes) {
    const std::byte* data = bytes.data();
    std::size_t left = bytes.size();
    if (left < 256) return run_crc_pclmul(polynomial, reg, bytes);

    constexpr std::size_t lanes = 4;
    std::array<__m512i, lanes> folded;
    for (std::size_t i = 0; i < lanes; ++i) folded[i] = _mm512_loadu_si512(data + 64 * i);
    const __m128i first = _mm_cvtsi64_si128(std::bit_cast<long long>(reg));
    folded[0] = _mm512_xor_si512(folded[0], _mm512_zextsi128_si512(first));
    data += 256;
    left -= 256;
    const __m512i by_2048 = _mm512_broadcast_i32x4(pair(polynomial.fold_2048));
    for (; left >= 256; data += 256, left -= 256) {
        for (std::size_t i = 0; i < lanes; ++i) {
            folded[i] = fold_wide(folded[i], by_2048, _mm512_loadu_si512(data + 64 * i));
        }
    }
    const __m512i by_512 = _mm512_broadcast_i32x4(pair(polynomial.fold_512));
    for (std::size_t i = 1; i < lanes; ++i) folded[i] = fold_wide(folded[i - 1], by_512, folded[i]);
    __m512i wide = folded[lanes - 1];
    for (; left >= 64; data += 64, left -= 64) {
        wide = fold_wide(wide, by_512, _mm512_loadu_si512(data));
    }
    const __m128i by_128 = pair(polynomial.fold_128);
    __m128i narrow = _mm512_extracti32x4_epi32(wide, 0);
    narrow = fold(narrow, by_128, _mm512_extracti32x4_epi32(wide, 1));
    narrow = fold(narrow, by_128, _mm512_extracti32x4_epi32(wide, 2));
    narrow = fold(narrow, by_128, _mm512_extracti32x4_epi32(wide, 3));
    return finish_fold(polynomial, narrow, data, left);
}

}  // namespace
#endif

std::span<const CrcKernel> crc_kernels() {
#if defined(__x86_64__)
    static constexpr std::array<CrcKernel, 3> kernels = {
        {{"vpclmul", run_crc_vpclmul}, {"pclmul", run_crc_pclmul}, {"portable", run_crc_portable}}};
    const bool pclmul = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    const bool vpclmul =
        pclmul && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
    return std::span<const CrcKernel>(kernels).subspan(vpclmul ? 0 : pclmul ? 1 : 2);
#else
    static constexpr std::array<CrcKernel, 1> kernels = {{{"portable", run_crc_portable}}};
    return kernels;
#endif
}

}  // namespace weir::hash
