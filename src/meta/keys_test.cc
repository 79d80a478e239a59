#include "meta/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/limits.h"
#include "meta/records.h"
#include "meta/version.h"

namespace weir::meta {
namespace {

std::string random_key(std::mt19937_64& random) {
    constexpr std::string_view alphabet("\x00\x01\xff/ab", 6);
    std::string key;
    for (std::uint64_t n = 1 + random() % 6; n > 0; --n)
        key.push_back(alphabet[random() % alphabet.size()]);
    return key;
}

TEST(Keys, VersionRowsSortByKeyThenNewestFirst) {
    const std::uint64_t seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 5000; ++round) {
        const std::string a = random_key(random), b = random_key(random);
        Version va, vb;
        va.set_time_nanos(random() % 3);
        vb.set_time_nanos(random() % 3);
        const std::string row_a = version_row(a, va), row_b = version_row(b, vb);
        const bool expected = a != b ? a < b : va.time_nanos() > vb.time_nanos();
        EXPECT_EQ(row_a < row_b, expected);
        const std::optional<VersionRow> parsed = parse_version_row(row_a);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->key, a);
        EXPECT_TRUE(same_version(parsed->version, va));
        EXPECT_EQ(row_b.starts_with(version_rows(a)), a == b);
    }
}

TEST(Keys, UploadAndPartRowsReadBack) {
    const std::string key("a\0b", 3);
    const std::optional<UploadRow> upload = parse_upload_row(upload_row(key, "id7"));
    ASSERT_TRUE(upload);
    EXPECT_EQ(upload->key, key);
    EXPECT_EQ(upload->upload_id, "id7");
    EXPECT_EQ(parse_part_row(part_row("id7", 10'000)), 10'000u);
    EXPECT_LT(part_row("id7", 255), part_row("id7", 256));
    EXPECT_FALSE(parse_upload_row("u"));
    EXPECT_FALSE(parse_part_row("p"));
    EXPECT_FALSE(parse_version_row("vabc"));
}

TEST(Keys, OfChecksumsReadBack) {
    const std::string blob(16, 'b');
    const auto row = parse_checksum_row(checksum_row(blob, 4096));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->blob, blob);
    EXPECT_EQ(row->offset, 4096u);
    EXPECT_FALSE(parse_checksum_row(checksum_rows(blob)));
    EXPECT_FALSE(parse_checksum_row(checksum_row(blob, 4096) + "x"));
    EXPECT_FALSE(parse_checksum_row(""));
}

TEST(Version, IsGreaterThanTheHeadWhateverTheClockSays) {
    const Version first = next_version(1000, nullptr, {.region = 1, .writer = 2});
    const Version second = next_version(10, &first, {.region = 1, .writer = 1});
    EXPECT_LT(encode_version(first), encode_version(second));
    EXPECT_GT(encode_version_newest_first(first), encode_version_newest_first(second));
}

TEST(VersionId, RoundTripsAndRefusesStrangers) {
    ObjectRecord record;
    *record.mutable_version() = next_version(77, nullptr, {.region = 3, .writer = 4});
    const std::optional<VersionName> name = parse_version_id(version_id(record));
    ASSERT_TRUE(name);
    EXPECT_FALSE(name->null);
    EXPECT_TRUE(same_version(name->version, record.version()));
    record.set_null_version(true);
    EXPECT_EQ(version_id(record), "null");
    EXPECT_FALSE(parse_version_id(""));
    EXPECT_FALSE(parse_version_id("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"));
}

TEST(Records, RefuseWhatTheyCannotRead) {
    ObjectRecord record;
    record.set_size_bytes(5);
    const std::string bytes = encode(record);
    EXPECT_EQ(decode<ObjectRecord>(bytes)->size_bytes(), 5u);
    EXPECT_EQ(decode<ObjectRecord>("\xff\xff\xff").error().code(), Code::corrupt);
    record.set_format(2);
    EXPECT_EQ(decode<ObjectRecord>(record.SerializeAsString()).error().code(), Code::corrupt);
}

TEST(Records, RefuseBytesThatCannotBe) {
    const auto outcome = [](std::uint64_t offset, std::uint64_t length) {
        ObjectRecord record;
        for (int i = 0; i < 2; ++i) {
            Extent& extent = *record.add_extents();
            extent.set_offset(offset);
            extent.set_length(length);
        }
        return decode<ObjectRecord>(encode(record)).has_value();
    };
    constexpr std::uint64_t all = ~std::uint64_t{0};
    EXPECT_TRUE(outcome(5 * TiB, 5 * TiB));
    EXPECT_FALSE(outcome(all, 2)) << "the end would wrap around";
    EXPECT_FALSE(outcome(0, all / 2 + 1)) << "the sum would";

    const auto blocks_outcome = [](std::uint32_t block_bytes, std::uint64_t length, int count) {
        BlockChecksums blocks;
        blocks.set_block_bytes(block_bytes);
        blocks.set_length(length);
        for (int i = 0; i < count; ++i) blocks.add_crc64nvme(1);
        return decode<BlockChecksums>(encode(blocks)).has_value();
    };
    EXPECT_TRUE(blocks_outcome(10, 11, 2));
    EXPECT_FALSE(blocks_outcome(10, 11, 1));
    EXPECT_FALSE(blocks_outcome(0, 11, 1));
    EXPECT_FALSE(blocks_outcome(10, 0, 0));
    EXPECT_FALSE(blocks_outcome(2, all, 0)) << "counting the blocks would wrap around";
    EXPECT_FALSE(blocks_outcome(0xffffffff, 1, 1)) << "a block is read into memory";
}

}  // namespace
}  // namespace weir::meta
