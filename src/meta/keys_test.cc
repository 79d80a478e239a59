#include "meta/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

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

}  // namespace
}  // namespace weir::meta
