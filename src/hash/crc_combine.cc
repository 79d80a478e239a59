#include "hash/crc_combine.h"

#include "hash/crc_polynomial.h"

namespace weir::hash {
namespace {

// x^(8 * bytes) mod P. Three squarings for the 8, so that no length overflows.
std::uint64_t shift_by(const CrcPolynomial& polynomial, std::uint64_t bytes) {
    std::uint64_t shift = polynomial.power(bytes);
    for (int i = 0; i < 3; ++i) shift = polynomial.times(shift, shift);
    return shift;
}

}  // namespace

CrcCombiner::CrcCombiner(Algorithm algorithm, std::uint64_t b_bytes)
    : polynomial_(&crc_polynomial(algorithm)), shift_(shift_by(*polynomial_, b_bytes)) {}

std::uint64_t CrcCombiner::combine(std::uint64_t a, std::uint64_t b) const {
    return polynomial_->times(a, shift_) ^ b;
}

std::uint64_t combine(Algorithm algorithm, std::uint64_t a, std::uint64_t b,
                      std::uint64_t b_bytes) {
    return CrcCombiner(algorithm, b_bytes).combine(a, b);
}

}  // namespace weir::hash
