#pragma once
// The digests that S3 knows, as one table: how S3 spells each, its size, its header, and what it
// may be on a multipart object. The names are those of ChecksumAlgorithm in botocore's service
// model; the multipart rules are those of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
//
// Pure values; safe from any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace weir::hash {

// Stored in records by name, so the numbers may change.
enum class Algorithm : std::uint8_t {
    crc32,
    crc32c,
    crc64nvme,
    sha1,
    sha256,
    sha512,
    md5,
    xxhash64,
    xxhash3,  // the 64-bit XXH3
    xxhash128,
};

inline constexpr std::size_t algorithm_count = static_cast<std::size_t>(Algorithm::xxhash128) + 1;

inline constexpr std::array<Algorithm, algorithm_count> all_algorithms = {
    Algorithm::crc32,   Algorithm::crc32c,    Algorithm::crc64nvme, Algorithm::sha1,
    Algorithm::sha256,  Algorithm::sha512,    Algorithm::md5,       Algorithm::xxhash64,
    Algorithm::xxhash3, Algorithm::xxhash128,
};

struct AlgorithmInfo {
    Algorithm algorithm;
    std::string_view name;    // "CRC64NVME"; the XML element is "Checksum" and this
    std::string_view header;  // "x-amz-checksum-crc64nvme", as header and as trailer
    std::size_t digest_bytes;
    // On a multipart object: may it be the digest of all its bytes, or of its parts' digests? Where
    // both may be, S3 takes COMPOSITE unless the client asks otherwise.
    bool full_object;
    bool composite;
};

const AlgorithmInfo& info(Algorithm algorithm);

// Both ignore case: headers do by HTTP's rule, and names because SDKs differ. nullopt for anything
// else.
std::optional<Algorithm> algorithm_by_name(std::string_view name);
std::optional<Algorithm> algorithm_by_header(std::string_view header);

// A set of algorithms, as small as a number.
class AlgorithmSet {
  public:
    constexpr AlgorithmSet() = default;
    constexpr AlgorithmSet(std::initializer_list<Algorithm> algorithms) {
        for (const Algorithm algorithm : algorithms) insert(algorithm);
    }

    constexpr void insert(Algorithm algorithm) {
        bits_ = static_cast<std::uint16_t>(bits_ | bit(algorithm));
    }
    constexpr bool contains(Algorithm algorithm) const { return (bits_ & bit(algorithm)) != 0; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr bool operator==(const AlgorithmSet&) const = default;

  private:
    static constexpr unsigned bit(Algorithm algorithm) {
        return 1U << static_cast<unsigned>(algorithm);
    }
    std::uint16_t bits_ = 0;
};

}  // namespace weir::hash
