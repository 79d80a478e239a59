#include "meta/listing.h"

#include <gtest/gtest.h>

namespace weir::meta {
namespace {

TEST(CommonPrefix, EndsWithTheFirstDelimiterAfterThePrefix) {
    EXPECT_EQ(common_prefix("a/b/c", "", "/"), "a/");
    EXPECT_EQ(common_prefix("a/b/c", "a/", "/"), "a/b/");
    EXPECT_EQ(common_prefix("a/b", "a/", "/"), std::nullopt);
    EXPECT_EQ(common_prefix("a/b", "", ""), std::nullopt);
    EXPECT_EQ(common_prefix("a--b", "", "--"), "a--");
}

TEST(AfterPrefix, IsTheFirstStringBehindAllThatStartWithIt) {
    EXPECT_EQ(after_prefix("a"), "b");
    EXPECT_EQ(after_prefix("a\xff"), "b");
    EXPECT_EQ(after_prefix("\xff\xff"), std::nullopt);
    EXPECT_EQ(after_prefix(""), std::nullopt);
}

}  // namespace
}  // namespace weir::meta
