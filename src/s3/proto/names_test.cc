#include "s3/proto/names.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::s3 {
namespace {

using namespace std::string_literals;

TEST(BucketNames, OfThreeTo63LettersDigitsDotsAndHyphensAreValid) {
    for (const std::string& name : {"abc"s, "a-b"s, "my.models.2026"s, "1.2.3"s, "123"s,
                                    "1.2.3.4x"s, "a--b"s, std::string(63, 'a')})
        EXPECT_TRUE(check_bucket_name(name).has_value()) << name;
}

TEST(BucketNames, ThatAwsRefusesAreRefused) {
    for (const std::string& name : {""s,
                                    "ab"s,
                                    std::string(64, 'a'),
                                    "Abc"s,
                                    "a_c"s,
                                    "a c"s,
                                    "-abc"s,
                                    "abc-"s,
                                    ".abc"s,
                                    "abc."s,
                                    "a..b"s,
                                    "foo.-bar"s,
                                    "foo-.bar"s,
                                    "192.168.5.123"s,
                                    "999.1.1.1"s,
                                    "xn--abc"s,
                                    "sthree-x"s,
                                    "amzn-s3-demo-bucket"s,
                                    "abc-s3alias"s,
                                    "abc--ol-s3"s,
                                    "abc.mrap"s,
                                    "abc--x-s3"s,
                                    "abc--table-s3"s,
                                    "a/b"s,
                                    "\xc3\xa9t\xc3\xa9"s,
                                    "ab\0c"s}) {
        const Result<void> checked = check_bucket_name(name);
        ASSERT_FALSE(checked.has_value()) << name;
        EXPECT_EQ(checked.error().code(), Code::invalid_bucket_name);
    }
}

TEST(ObjectKeys, AreOneTo1024BytesOfText) {
    for (const std::string& key : {"a"s, "/"s, "//"s, "../x"s, "\x01"s, std::string(1024, 'k')})
        EXPECT_TRUE(check_object_key(key).has_value());
    EXPECT_EQ(check_object_key("").error().code(), Code::invalid_argument);
    EXPECT_EQ(check_object_key(std::string(1025, 'k')).error().code(), Code::key_too_long);
    EXPECT_EQ(check_object_key("a\0b"s).error().code(), Code::invalid_argument);
    EXPECT_EQ(check_object_key("\xff").error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace weir::s3
