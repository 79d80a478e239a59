#include "hash/crc.h"

#include "hash/crc_kernels.h"

namespace weir::hash {
namespace {

std::uint64_t run(const CrcPolynomial& polynomial, std::uint64_t crc,
                  std::span<const std::byte> bytes) {
    static const CrcKernel fastest = crc_kernels().front();
    return fastest.run(polynomial, crc ^ polynomial.mask, bytes) ^ polynomial.mask;
}

}  // namespace

std::uint32_t crc32(std::uint32_t crc, std::span<const std::byte> bytes) {
    return static_cast<std::uint32_t>(run(crc32_polynomial, crc, bytes));
}

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) {
    return static_cast<std::uint32_t>(run(crc32c_polynomial, crc, bytes));
}

std::uint64_t crc64nvme(std::uint64_t crc, std::span<const std::byte> bytes) {
    return run(crc64nvme_polynomial, crc, bytes);
}

std::uint64_t crc(Algorithm algorithm, std::uint64_t before, std::span<const std::byte> bytes) {
    return run(crc_polynomial(algorithm), before, bytes);
}

}  // namespace weir::hash
