#pragma once
// The arithmetic under the three CRCs: polynomials over GF(2) modulo the CRC's own, computed at
// compile time. Private to hash.
//
// All three CRCs are "reflected": bit 0 of a register is the coefficient of the highest power. A
// polynomial of 32 bits therefore uses the low half of a 64-bit register here, and one code serves
// all.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "hash/algorithm.h"

namespace weir::hash {

// Factors that move a 128-bit value D bits up, for folding: x^(D+63) for its earlier half and
// x^(D-1) for its later one, mod P. (A carry-less product of reflected operands comes out one bit
// low; hence D - 1.)
struct FoldFactors {
    std::uint64_t earlier;
    std::uint64_t later;
};

struct CrcPolynomial {
    unsigned width;  // bits of the CRC: 32 or 64
    std::uint64_t reflected;
    std::uint64_t mask;  // the register's bits; also its first value, and what is xored at the end
    // slices[k][b]: what byte b contributes when k more bytes follow it.
    std::array<std::array<std::uint64_t, 256>, 8> slices;
    std::array<std::uint64_t, 64> squares;  // x^(2^k) mod P
    FoldFactors fold_128;
    FoldFactors fold_512;
    FoldFactors fold_1024;
    FoldFactors fold_2048;

    constexpr std::uint64_t one() const { return std::uint64_t{1} << (width - 1); }
    constexpr std::uint64_t times_x(std::uint64_t a) const {
        return (a >> 1) ^ ((a & 1) != 0 ? reflected : 0);
    }
    constexpr std::uint64_t times(std::uint64_t a, std::uint64_t b) const {
        std::uint64_t product = 0;
        for (; a != 0; a = (a << 1) & mask) {
            if ((a & one()) != 0) product ^= b;
            b = times_x(b);
        }
        return product;
    }
    // x^exponent mod P, in as many products as the exponent has ones.
    constexpr std::uint64_t power(std::uint64_t exponent) const {
        std::uint64_t result = one();
        for (std::size_t k = 0; exponent != 0; ++k, exponent >>= 1) {
            if ((exponent & 1) != 0) result = times(result, squares[k]);
        }
        return result;
    }
};

constexpr CrcPolynomial make_crc_polynomial(unsigned width, std::uint64_t reflected) {
    CrcPolynomial p{};
    p.width = width;
    p.reflected = reflected;
    p.mask = ~std::uint64_t{0} >> (64 - width);
    for (std::size_t byte = 0; byte < 256; ++byte) {
        std::uint64_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = p.times_x(crc);
        p.slices[0][byte] = crc;
    }
    for (std::size_t k = 1; k < 8; ++k) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint64_t before = p.slices[k - 1][byte];
            p.slices[k][byte] = (before >> 8) ^ p.slices[0][before & 0xff];
        }
    }
    p.squares[0] = p.times_x(p.one());
    for (std::size_t k = 1; k < 64; ++k) p.squares[k] = p.times(p.squares[k - 1], p.squares[k - 1]);

    const auto factors = [&p](std::uint64_t distance_bits) {
        const unsigned align = 64 - p.width;
        return FoldFactors{.earlier = p.power(distance_bits + 63) << align,
                           .later = p.power(distance_bits - 1) << align};
    };
    p.fold_128 = factors(128);
    p.fold_512 = factors(512);
    p.fold_1024 = factors(1024);
    p.fold_2048 = factors(2048);
    return p;
}

inline constexpr CrcPolynomial crc32_polynomial = make_crc_polynomial(32, 0xedb88320);
inline constexpr CrcPolynomial crc32c_polynomial = make_crc_polynomial(32, 0x82f63b78);
inline constexpr CrcPolynomial crc64nvme_polynomial = make_crc_polynomial(64, 0x9a6c9329ac4bc9b5);

inline const CrcPolynomial& crc_polynomial(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::crc32:
            return crc32_polynomial;
        case Algorithm::crc32c:
            return crc32c_polynomial;
        default:
            CHECK(algorithm == Algorithm::crc64nvme);
            return crc64nvme_polynomial;
    }
}

}  // namespace weir::hash
