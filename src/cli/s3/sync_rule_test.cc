#include "cli/s3/sync_rule.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

Entry entry(std::uint64_t bytes, double seconds) {
    return {.name = "k",
            .bytes = bytes,
            .modified = static_cast<UnixNanos>(seconds * static_cast<double>(nanos_per_second))};
}

TEST(SyncRule, AnotherSizeIsAnotherFile) {
    for (const bool download : {false, true})
        for (const bool size_only : {false, true})
            EXPECT_TRUE(
                differs({.download = download, .size_only = size_only}, entry(1, 5), entry(2, 5)));
}

TEST(SyncRule, UpWhereTheSourceIsNewer) {
    EXPECT_TRUE(differs({}, entry(1, 5.1), entry(1, 5)));
    EXPECT_FALSE(differs({}, entry(1, 5), entry(1, 5)));
    EXPECT_FALSE(differs({}, entry(1, 4), entry(1, 5)));
    EXPECT_FALSE(differs({.size_only = true}, entry(1, 9), entry(1, 5)));
    EXPECT_FALSE(differs({.exact_timestamps = true}, entry(1, 4), entry(1, 5)));
}

TEST(SyncRule, DownWhereTheFileIsNewer) {
    EXPECT_TRUE(differs({.download = true}, entry(1, 5), entry(1, 6)));
    EXPECT_FALSE(differs({.download = true}, entry(1, 5), entry(1, 5.9)));
    EXPECT_FALSE(differs({.download = true}, entry(1, 6), entry(1, 5)));
    EXPECT_FALSE(differs({.download = true, .size_only = true}, entry(1, 5), entry(1, 6)));
    const SyncRule exact{.download = true, .exact_timestamps = true};
    EXPECT_TRUE(differs(exact, entry(1, 6), entry(1, 5)));
    EXPECT_FALSE(differs(exact, entry(1, 5.9), entry(1, 5)));
}

}  // namespace
}  // namespace weir::cli
