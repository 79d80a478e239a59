#include "s3/proto/conditions.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::s3 {
namespace {

constexpr UnixNanos at = 1'000'000 * nanos_per_second;
constexpr UnixNanos earlier = at - nanos_per_second;
const ObjectState object{.etag = "abc", .last_modified = at + 999, .size_bytes = 7};

std::string outcome(const Result<void>& result) {
    return result ? "ok" : std::string(info(result.error().code()).name);
}

TEST(EtagLists, MatchWithAndWithoutQuotes) {
    for (const std::string_view list : {"\"abc\"", "abc", "*", "\"x\", \"abc\"", "x,abc,y",
                                        " \"abc\" ", "\"a,b\",\"abc\"", ",abc", "\"abc\","})
        EXPECT_TRUE(names_etag(list, "abc", false)) << list;
    for (const std::string_view list :
         {"", "\"\"", "\"ab\"", "ABC", "\"abc", "\"x, abc\"", "W/\"abc\"", ","})
        EXPECT_FALSE(names_etag(list, "abc", false)) << list;
    EXPECT_TRUE(names_etag("W/\"abc\"", "abc", true));
    EXPECT_FALSE(names_etag("\"\"", "", true)) << "a delete marker has no etag";
}

// RFC 9110, 13.2.2, and S3's table of combinations.
TEST(ReadConditions, HaveThePrecedenceOfAws) {
    struct Row {
        Conditions conditions;
        std::string_view read;
        std::string_view copy;
    };
    const Row table[] = {
        {{}, "ok", "ok"},
        {{.if_match = "abc"}, "ok", "ok"},
        {{.if_match = "x"}, "precondition_failed", "precondition_failed"},
        {{.if_match = "*"}, "ok", "ok"},
        {{.if_none_match = "x"}, "ok", "ok"},
        {{.if_none_match = "abc"}, "not_modified", "precondition_failed"},
        {{.if_none_match = "*"}, "not_modified", "precondition_failed"},
        {{.if_modified_since = earlier}, "ok", "ok"},
        {{.if_modified_since = at}, "not_modified", "precondition_failed"},
        {{.if_unmodified_since = at}, "ok", "ok"},
        {{.if_unmodified_since = earlier}, "precondition_failed", "precondition_failed"},
        // If-Match overrides If-Unmodified-Since, either way.
        {{.if_match = "abc", .if_unmodified_since = earlier}, "ok", "ok"},
        {{.if_match = "x", .if_unmodified_since = at},
         "precondition_failed",
         "precondition_failed"},
        // If-None-Match overrides If-Modified-Since, either way.
        {{.if_none_match = "abc", .if_modified_since = earlier},
         "not_modified",
         "precondition_failed"},
        {{.if_none_match = "x", .if_modified_since = at}, "ok", "ok"},
        // The first pair goes before the second.
        {{.if_match = "x", .if_none_match = "abc"}, "precondition_failed", "precondition_failed"},
        {{.if_match = "abc", .if_none_match = "abc"}, "not_modified", "precondition_failed"},
        {{.if_match = "abc", .if_none_match = "x"}, "ok", "ok"},
        {{.if_modified_since = at, .if_unmodified_since = earlier},
         "precondition_failed",
         "precondition_failed"},
    };
    for (std::size_t i = 0; i < std::size(table); ++i) {
        EXPECT_EQ(outcome(check_read(table[i].conditions, object)), table[i].read) << i;
        EXPECT_EQ(outcome(check_copy_source(table[i].conditions, object)), table[i].copy) << i;
    }
}

TEST(WriteConditions, JudgeWhatIsAboutToBeReplaced) {
    const ObjectState marker{
        .etag = "", .last_modified = at, .size_bytes = 0, .delete_marker = true};
    for (const ObjectState* none : {static_cast<const ObjectState*>(nullptr), &marker}) {
        EXPECT_EQ(outcome(check_write({}, none)), "ok");
        EXPECT_EQ(outcome(check_write({.if_none_match = "*"}, none)), "ok");
        EXPECT_EQ(outcome(check_write({.if_none_match = "abc"}, none)), "ok");
        EXPECT_EQ(outcome(check_write({.if_match = "abc"}, none)), "no_such_key");
        EXPECT_EQ(outcome(check_write({.if_match = "*"}, none)), "no_such_key");
    }
    EXPECT_EQ(outcome(check_write({}, &object)), "ok");
    EXPECT_EQ(outcome(check_write({.if_none_match = "*"}, &object)), "precondition_failed");
    EXPECT_EQ(outcome(check_write({.if_none_match = "abc"}, &object)), "precondition_failed");
    EXPECT_EQ(outcome(check_write({.if_none_match = "x"}, &object)), "ok");
    EXPECT_EQ(outcome(check_write({.if_match = "\"abc\""}, &object)), "ok");
    EXPECT_EQ(outcome(check_write({.if_match = "*"}, &object)), "ok");
    EXPECT_EQ(outcome(check_write({.if_match = "x"}, &object)), "precondition_failed");
}

TEST(DeleteConditions, MindOnlyWhatIsThere) {
    EXPECT_EQ(outcome(check_delete({.if_match = "x"}, nullptr)), "ok");
    EXPECT_EQ(outcome(check_delete({.if_match = "*"}, nullptr)), "ok");
    EXPECT_EQ(outcome(check_delete({}, &object)), "ok");
    EXPECT_EQ(outcome(check_delete({.if_match = "abc"}, &object)), "ok");
    EXPECT_EQ(outcome(check_delete({.if_match = "*"}, &object)), "ok");
    EXPECT_EQ(outcome(check_delete({.if_match = "x"}, &object)), "precondition_failed");
    EXPECT_EQ(outcome(check_delete({.if_match_last_modified_time = at}, &object)), "ok");
    EXPECT_EQ(outcome(check_delete({.if_match_last_modified_time = earlier}, &object)),
              "precondition_failed");
    EXPECT_EQ(outcome(check_delete({.if_match_size = 7}, &object)), "ok");
    EXPECT_EQ(outcome(check_delete({.if_match_size = 8}, &object)), "precondition_failed");
    EXPECT_EQ(outcome(check_delete({.if_match_size = -1}, &object)), "precondition_failed");
    EXPECT_EQ(outcome(check_delete({.if_match = "abc", .if_match_size = 8}, &object)),
              "precondition_failed");

    const ObjectState marker{
        .etag = "", .last_modified = at, .size_bytes = 0, .delete_marker = true};
    EXPECT_EQ(outcome(check_delete({.if_match = "*"}, &marker)), "ok");
    EXPECT_EQ(outcome(check_delete({.if_match = "abc"}, &marker)), "precondition_failed");
}

}  // namespace
}  // namespace weir::s3
