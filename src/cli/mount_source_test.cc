#include "cli/mount_source.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

constexpr UnixNanos morning = 1'795'768'200 * nanos_per_second;  // 2026-11-27T08:30Z

MountSource parsed(std::string_view text) {
    const Result<MountSource> source = parse_mount_source(text);
    EXPECT_TRUE(source) << text << ": " << source.error().message();
    return source.value_or(MountSource{});
}

TEST(MountSource, BucketPrefixAndTime) {
    EXPECT_EQ(parsed("my-models"), (MountSource{.bucket = "my-models"}));
    EXPECT_EQ(parsed("my-models:llama"), (MountSource{.bucket = "my-models", .prefix = "llama/"}));
    EXPECT_EQ(parsed("m:a/b/"), (MountSource{.bucket = "m", .prefix = "a/b/"}));
    EXPECT_EQ(parsed("m:"), (MountSource{.bucket = "m"}));
    EXPECT_EQ(parsed("m@2026-11-27T08:30Z"), (MountSource{.bucket = "m", .time = morning}));
    EXPECT_EQ(parsed("m:a:b@2026-11-27T08:30:00Z"),
              (MountSource{.bucket = "m", .prefix = "a:b/", .time = morning}));
}

TEST(MountSource, AnAtSignInThePrefixStandsForItself) {
    EXPECT_EQ(parsed("m:me@home"), (MountSource{.bucket = "m", .prefix = "me@home/"}));
    EXPECT_EQ(parsed("m:me@home@2026-11-27T08:30Z"),
              (MountSource{.bucket = "m", .prefix = "me@home/", .time = morning}));
}

TEST(MountSource, WhatIsNone) {
    for (const std::string_view text :
         {"", ":a", "@2026-11-27", "m@yesterday", "a/b", "m:/a", "m:a//b", "m@", "m@2026-02-30"})
        EXPECT_FALSE(parse_mount_source(text)) << text;
}

TEST(Time, InAllItsForms) {
    EXPECT_EQ(parse_time("1795768200"), morning);
    EXPECT_EQ(parse_time("2026-11-27T08:30"), morning);
    EXPECT_EQ(parse_time("2026-11-27T09:30+01:00"), morning);
    EXPECT_EQ(parse_time("2026-11-27T00:30:00-08:00"), morning);
    EXPECT_EQ(parse_time("2026-11-27T08:30:00.25Z"), morning + nanos_per_second / 4);
    EXPECT_EQ(parse_time("1970-01-01"), 0U);
    // 14 bytes: time, region, writer.
    EXPECT_EQ(parse_time(fmt::format("{:016x}{:04x}{:08x}", morning + 7, 3, 0xabcdef)),
              morning + 7);
    EXPECT_EQ(parse_time(fmt::format("{}", morning + 7)), morning + 7);
    EXPECT_FALSE(parse_time("ffffffffffffffff000000000000"));
    for (const std::string_view text :
         {"", "today", "2026-11-27T", "2026-11-27T24:00", "2026-11-27T08:60", "2026-13-01",
          "2026-11-27 08:30", "2026-11-27T08:30:00.Z", "2026-11-27T08:30X", "1969-12-31",
          "1970-01-01T00:00+01:00", "2026-11-27T08:30+1:00", "99999999999"})
        EXPECT_FALSE(parse_time(text)) << text;
}

TEST(ByteCount, WithUnits) {
    EXPECT_EQ(parse_byte_count("0").value(), 0U);
    EXPECT_EQ(parse_byte_count("1000").value(), 1000U);
    EXPECT_EQ(parse_byte_count("64K").value(), 65'536U);
    EXPECT_EQ(parse_byte_count("64KiB").value(), 65'536U);
    EXPECT_EQ(parse_byte_count("10GB").value(), 10ULL << 30);
    EXPECT_EQ(parse_byte_count("1.5T").value(), 3ULL << 39);
    for (const std::string_view text :
         {"", "K", "-1", "1X", "1KK", "1.2.3", "1e9", "99999999T", "ten", " 1"})
        EXPECT_FALSE(parse_byte_count(text)) << text;
}

}  // namespace
}  // namespace weir::cli
