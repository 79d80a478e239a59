#include "s3/proto/copy_source.h"

#include <gtest/gtest.h>

namespace weir::s3 {
namespace {

std::string parsed(std::string_view header) {
    const Result<CopySource> source = parse_copy_source(header);
    if (!source) return std::string(info(source.error().code()).name);
    return source->bucket + " | " + source->key + " | " + source->version_id.value_or("none");
}

TEST(CopySources, NameABucketAKeyAndPerhapsAVersion) {
    EXPECT_EQ(parsed("b/k"), "b | k | none");
    EXPECT_EQ(parsed("/b/k"), "b | k | none");
    EXPECT_EQ(parsed("b//k/../x/"), "b | /k/../x/ | none");
    EXPECT_EQ(parsed("%2Fb%2Fk%3FversionId%3D1"), "b | k?versionId=1 | none");
    EXPECT_EQ(parsed("b/a+b%2B%20%C3%A9"), "b | a b+ \xc3\xa9 | none");
    EXPECT_EQ(parsed("b/k?versionId=3%2Fx"), "b | k | 3/x");
    EXPECT_EQ(parsed("b/k?versionId="), "b | k | ");
    EXPECT_EQ(parsed("b/k?versionId=1?versionId=2"), "b | k?versionId=1 | 2");
    EXPECT_EQ(parsed("b/what?"), "b | what? | none");
}

TEST(CopySources, ThatNameNoObjectAreRefused) {
    for (const std::string_view header :
         {"", "/", "b", "/b", "b/", "/b/", "//k", "b/%", "b/%ff", "b/%00", "b/k?versionId=%zz"})
        EXPECT_EQ(parsed(header), "invalid_argument") << header;
    EXPECT_EQ(parsed("b/" + std::string(1025, 'k')), "key_too_long");
}

TEST(RenameSources, AreKeysOfTheBucketOrWholePaths) {
    EXPECT_EQ(parse_rename_source("a/b%20c", "bucket").value().key, "a/b c");
    EXPECT_EQ(parse_rename_source("a/b", "bucket").value().bucket, "bucket");
    EXPECT_EQ(parse_rename_source("/other/k", "bucket").value().bucket, "other");
    EXPECT_EQ(parse_rename_source("/other/k", "bucket").value().key, "k");
    EXPECT_EQ(parse_rename_source("/b/k?versionId=1", "b").error().code(), Code::invalid_argument);
    EXPECT_EQ(parse_rename_source("", "b").error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace weir::s3
