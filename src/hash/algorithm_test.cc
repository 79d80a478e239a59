#include "hash/algorithm.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::hash {
namespace {

TEST(AlgorithmTable, HasARowForEachAlgorithmInOrder) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < algorithm_count; ++i) {
        EXPECT_EQ(static_cast<std::size_t>(all_algorithms[i]), i);
        const AlgorithmInfo& row = info(all_algorithms[i]);
        EXPECT_EQ(row.algorithm, all_algorithms[i]);
        EXPECT_TRUE(row.full_object || row.composite);
        names.insert(row.name);
    }
    // ChecksumAlgorithm in botocore 1.44's model of S3.
    EXPECT_EQ(names,
              (std::set<std::string_view>{"CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME",
                                          "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"}));
}

TEST(AlgorithmTable, FindsByNameAndHeaderInAnyCase) {
    for (const Algorithm algorithm : all_algorithms) {
        EXPECT_EQ(algorithm_by_name(info(algorithm).name), algorithm);
        EXPECT_EQ(algorithm_by_header(info(algorithm).header), algorithm);
    }
    EXPECT_EQ(algorithm_by_name("crc64nvme"), Algorithm::crc64nvme);
    EXPECT_EQ(algorithm_by_header("X-Amz-Checksum-XXHash128"), Algorithm::xxhash128);
    EXPECT_FALSE(algorithm_by_name("CRC32D"));
    EXPECT_FALSE(algorithm_by_name(""));
    EXPECT_FALSE(algorithm_by_header("x-amz-checksum-type"));
}

TEST(AlgorithmTable, OnlyCrcsCanBeFullObjectOnAMultipartObject) {
    for (const Algorithm algorithm : all_algorithms) {
        EXPECT_EQ(info(algorithm).full_object, info(algorithm).name.starts_with("CRC"));
        EXPECT_EQ(info(algorithm).composite, algorithm != Algorithm::crc64nvme);
    }
}

TEST(AlgorithmSet, HoldsWhatWasInserted) {
    AlgorithmSet set = {Algorithm::crc32, Algorithm::xxhash128};
    EXPECT_TRUE(set.contains(Algorithm::crc32));
    EXPECT_TRUE(set.contains(Algorithm::xxhash128));
    EXPECT_FALSE(set.contains(Algorithm::md5));
    set.insert(Algorithm::md5);
    EXPECT_TRUE(set.contains(Algorithm::md5));
    EXPECT_TRUE(AlgorithmSet().empty());
    EXPECT_FALSE(set.empty());
}

}  // namespace
}  // namespace weir::hash
