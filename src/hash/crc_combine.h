#pragma once
// The CRC of a + b from the CRCs of a and of b: how the CRC of a multipart object comes from its
// parts, and that of a blob from its blocks, without reading a byte again.
//
// Pure functions and values; safe from any thread. For Algorithm::crc32, crc32c and crc64nvme only;
// another algorithm is a bug (CHECK).

#include <cstdint>

#include "hash/algorithm.h"

namespace weir::hash {

struct CrcPolynomial;

// One second length, many times: what depends on the length alone is computed once.
class CrcCombiner {
  public:
    // O(log b_bytes), about a microsecond.
    CrcCombiner(Algorithm algorithm, std::uint64_t b_bytes);

    std::uint64_t combine(std::uint64_t a, std::uint64_t b) const;

  private:
    const CrcPolynomial* polynomial_;  // a constant
    std::uint64_t shift_;              // x^(8 * b_bytes) mod P
};

std::uint64_t combine(Algorithm algorithm, std::uint64_t a, std::uint64_t b, std::uint64_t b_bytes);

}  // namespace weir::hash
