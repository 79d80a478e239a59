#include "cli/s3/location.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(Location, IsABucketAPathOrAStream) {
    EXPECT_EQ(parse_location("s3://b/k/é +"),
              (Location{.kind = Location::Kind::s3, .bucket = "b", .key = "k/é +"}));
    EXPECT_EQ(parse_location("s3://b"), (Location{.kind = Location::Kind::s3, .bucket = "b"}));
    EXPECT_EQ(parse_location("s3://b//k")->key, "/k");
    EXPECT_EQ(parse_location("s3:/b"), (Location{.path = "s3:/b"}));
    EXPECT_EQ(parse_location("./-"), (Location{.path = "./-"}));
    EXPECT_TRUE(parse_location("-")->is_stream());
    for (const std::string text : {"s3://b/k", "s3://b/", "-", "a/b"})
        EXPECT_EQ(parse_location(text)->text(), text);
}

TEST(Location, WithoutABucketIsNone) {
    EXPECT_FALSE(parse_location(""));
    EXPECT_FALSE(parse_location("s3://"));
    EXPECT_FALSE(parse_location("s3:///k"));
    EXPECT_FALSE(parse_location("s3://b/" + std::string(1025, 'k')));
    EXPECT_TRUE(parse_location("s3://b/" + std::string(1024, 'k')));
}

TEST(Location, FoldersEndInASlash) {
    EXPECT_EQ(folder_prefix(""), "");
    EXPECT_EQ(folder_prefix("a"), "a/");
    EXPECT_EQ(folder_prefix("a/"), "a/");
    EXPECT_EQ(last_name("a/b"), "b");
    EXPECT_EQ(last_name("b"), "b");
    EXPECT_EQ(last_name("a/"), "");
}

}  // namespace
}  // namespace weir::cli
