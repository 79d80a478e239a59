#pragma once
// The ways to run a CRC over bytes, one per kind of processor. Private to hash; tests and the bench
// look at each, all others call crc.h, which takes the fastest.
//
// Pure functions; safe from any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "hash/crc_polynomial.h"

namespace weir::hash {

struct CrcKernel {
    std::string_view name;
    // Takes the register (not the finished CRC) through `bytes`.
    std::uint64_t (*run)(const CrcPolynomial& polynomial, std::uint64_t reg,
                         std::span<const std::byte> bytes);
};

// Eight table look-ups per eight bytes; on every processor.
std::uint64_t run_crc_portable(const CrcPolynomial& polynomial, std::uint64_t reg,
                               std::span<const std::byte> bytes);

// Those that this processor can run, the fastest first and the portable one last.
std::span<const CrcKernel> crc_kernels();

}  // namespace weir::hash
