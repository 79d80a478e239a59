// Names: which are taken, and which can be a file's; and times as metadata keep them.

#include <gtest/gtest.h>

#include "cli/s3/local_name.h"
#include "cli/s3/name_filter.h"
#include "mount/attributes.h"

namespace weir::cli {
namespace {

TEST(NameFilter, TheLastThatMatchesDecides) {
    NameFilter filter;
    EXPECT_TRUE(filter.includes("anything"));
    filter.exclude("*");
    filter.include("*.bin");
    filter.exclude("old/*");
    EXPECT_FALSE(filter.includes("a.txt"));
    EXPECT_TRUE(filter.includes("a.bin"));
    EXPECT_TRUE(filter.includes("deep/er/a.bin"));
    EXPECT_FALSE(filter.includes("old/a.bin"));
}

TEST(NameFilter, KnowsWhatTheAwsCliKnows) {
    NameFilter filter;
    filter.exclude("a?[b-d][!x]\\*");
    EXPECT_FALSE(filter.includes("a/cy\\z"));
    EXPECT_TRUE(filter.includes("a/cx\\z"));
    EXPECT_TRUE(filter.includes("a/ey\\z"));
    EXPECT_TRUE(filter.includes("a/cy*"));
}

TEST(LocalName, LeadsIntoTheFolderAndToOnePlace) {
    for (const char* good :
         {"a", "a/b", "a b+%20/é", "...", "a/..b", ".hidden", "a\nb", "~", "C:\\x"})
        EXPECT_TRUE(check_local_name(good)) << good;
    for (const char* bad : {"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "a/./b",
                            "a//b", "a/", "//"})
        EXPECT_FALSE(check_local_name(bad)) << bad;
    EXPECT_FALSE(check_local_name(std::string_view("a\0b", 3)));
    EXPECT_TRUE(check_local_name(std::string(255, 'x') + "/y"));
    EXPECT_FALSE(check_local_name(std::string(256, 'x') + "/y"));
}

TEST(LocalName, IsBelowItsFolder) {
    EXPECT_EQ(local_path("/d", "a/b"), "/d/a/b");
    EXPECT_EQ(local_path("d/", "a"), "d/a");
    EXPECT_EQ(local_path("", "a"), "a");
}

TEST(FileTime, ComesBack) {
    for (const UnixNanos time : {UnixNanos{0}, UnixNanos{1}, UnixNanos{1'700'000'000'123'456'789}})
        EXPECT_EQ(mount::parse_time(mount::format_time(time)), time);
    EXPECT_EQ(mount::parse_time("1600000000"), 1'600'000'000 * nanos_per_second);
    EXPECT_EQ(mount::parse_time("1.5"), 1'500'000'000U);
    EXPECT_EQ(mount::parse_time("1.1234567891"), 1'123'456'789U);
    for (const char* bad : {"", ".", "1.", ".5", "-1", "1e9", "1.-5", "1 ", "99999999999999999999"})
        EXPECT_FALSE(mount::parse_time(bad)) << bad;
}

}  // namespace
}  // namespace weir::cli
