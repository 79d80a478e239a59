#include "cli/s3/s3_line.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using Words = std::vector<std::string>;

std::string why(S3Verb verb, const Words& words) {
    const Result<S3Line> line = parse_s3_line(verb, words);
    return line ? "" : std::string(line.error().message());
}

TEST(S3Line, TakesOptionsAndPlacesInAnyOrder) {
    const auto line =
        parse_s3_line(verb_cp, {"--recursive", "a", "--metadata", "Key=v=w", "s3://b/k",
                                "--part-mib=16", "--content-type", "text/plain", "--exclude", "*",
                                "--include=*.bin", "--endpoint", "http://h:1", "--mtime"});
    ASSERT_TRUE(line) << line.error().message();
    EXPECT_EQ(line->places.size(), 2U);
    EXPECT_EQ(line->places[0].path, "a");
    EXPECT_EQ(line->places[1].key, "k");
    EXPECT_TRUE(line->recursive && line->move.keep_mtime && !line->move.resume);
    EXPECT_EQ(line->move.metadata, (std::map<std::string, std::string>{{"key", "v=w"}}));
    EXPECT_EQ(line->move.part_bytes, 16U << 20);
    EXPECT_EQ(line->move.content_type, "text/plain");
    EXPECT_EQ(line->endpoint.url, "http://h:1");
    EXPECT_TRUE(line->filter.includes("x.bin"));
    EXPECT_FALSE(line->filter.includes("x.txt"));
}

TEST(S3Line, EachCommandHasItsOwn) {
    EXPECT_EQ(why(verb_sync, {"--delete", "--size-only"}), "");
    EXPECT_NE(why(verb_cp, {"--delete"}), "");
    EXPECT_NE(why(verb_sync, {"--recursive"}), "");
    EXPECT_NE(why(verb_ls, {"--quiet"}), "");
    EXPECT_NE(why(verb_rm, {"--resume"}), "");
    for (const S3Verb verb : {verb_ls, verb_cp, verb_sync, verb_rm})
        EXPECT_NE(describe_s3_options(verb).find("--endpoint URL"), std::string::npos);
    EXPECT_EQ(describe_s3_options(verb_ls).find("--resume"), std::string::npos);
}

TEST(S3Line, WhatIsWrongIsNamed) {
    EXPECT_NE(why(verb_cp, {"--nonsense"}).find("--nonsense"), std::string::npos);
    EXPECT_NE(why(verb_cp, {"--metadata", "x"}).find("--metadata"), std::string::npos);
    EXPECT_NE(why(verb_cp, {"--part-mib", "4"}).find("5 to"), std::string::npos);
    EXPECT_NE(why(verb_cp, {"--parallelism=0"}), "");
    EXPECT_NE(why(verb_cp, {"--parallelism"}).find("takes a value"), std::string::npos);
    EXPECT_NE(why(verb_cp, {"--recursive=yes"}).find("takes no value"), std::string::npos);
    EXPECT_NE(why(verb_cp, {"-r"}), "");
    EXPECT_NE(why(verb_cp, {"s3://"}), "");
    EXPECT_NE(why(verb_cp, {"a", "s3://b", "--include", "*"}), "");
    EXPECT_NE(why(verb_sync, {"--exact-timestamps", "--mtime"}), "");
}

TEST(S3Line, AfterTwoDashesAllArePlaces) {
    const auto line = parse_s3_line(verb_cp, {"--", "--recursive", "-x"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->places[0].path, "--recursive");
    EXPECT_EQ(line->places[1].path, "-x");
    EXPECT_FALSE(line->recursive);
    EXPECT_FALSE(asks_for_help({"--", "-h"}));
    EXPECT_TRUE(asks_for_help({"a", "--help"}));
}

}  // namespace
}  // namespace weir::cli
