#pragma once
// CRC-32 (as gzip has it), CRC-32C (Castagnoli) and CRC-64/NVME, as fast as the processor can: by
// carry-less multiplication where it has it, by tables where not.
//
// `crc` is the CRC of what came before, 0 for nothing: crc(crc(0, a), b) == crc(0, a + b).
// Pure functions; safe from any thread; they do not fail.

#include <cstddef>
#include <cstdint>
#include <span>

#include "hash/algorithm.h"

namespace weir::hash {

std::uint32_t crc32(std::uint32_t crc, std::span<const std::byte> bytes);
std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes);
std::uint64_t crc64nvme(std::uint64_t crc, std::span<const std::byte> bytes);

// The same by name, for Algorithm::crc32, crc32c and crc64nvme only.
std::uint64_t crc(Algorithm algorithm, std::uint64_t before, std::span<const std::byte> bytes);

}  // namespace weir::hash
