#include "hash/algorithm.h"

#include <algorithm>

namespace weir::hash {
namespace {

// clang-format off
constexpr std::array<AlgorithmInfo, algorithm_count> table = {{
    //                                                                     bytes  full   composite
    {Algorithm::crc32,     "CRC32",     "x-amz-checksum-crc32",                4, true,  true},
    {Algorithm::crc32c,    "CRC32C",    "x-amz-checksum-crc32c",               4, true,  true},
    {Algorithm::crc64nvme, "CRC64NVME", "x-amz-checksum-crc64nvme",            8, true,  false},
    {Algorithm::sha1,      "SHA1",      "x-amz-checksum-sha1",                20, false, true},
    {Algorithm::sha256,    "SHA256",    "x-amz-checksum-sha256",              32, false, true},
    {Algorithm::sha512,    "SHA512",    "x-amz-checksum-sha512",              64, false, true},
    {Algorithm::md5,       "MD5",       "x-amz-checksum-md5",                 16, false, true},
    {Algorithm::xxhash64,  "XXHASH64",  "x-amz-checksum-xxhash64",             8, false, true},
    {Algorithm::xxhash3,   "XXHASH3",   "x-amz-checksum-xxhash3",              8, false, true},
    {Algorithm::xxhash128, "XXHASH128", "x-amz-checksum-xxhash128",           16, false, true},
}};
// clang-format on

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

const AlgorithmInfo& info(Algorithm algorithm) {
    return table[static_cast<std::size_t>(algorithm)];
}

std::optional<Algorithm> algorithm_by_name(std::string_view name) {
    for (const AlgorithmInfo& row : table) {
        if (equal_ignoring_case(row.name, name)) return row.algorithm;
    }
    return std::nullopt;
}

std::optional<Algorithm> algorithm_by_header(std::string_view header) {
    for (const AlgorithmInfo& row : table) {
        if (equal_ignoring_case(row.header, header)) return row.algorithm;
    }
    return std::nullopt;
}

}  // namespace weir::hash
