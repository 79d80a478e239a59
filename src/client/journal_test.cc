#include "client/journal.h"

#include <gtest/gtest.h>

namespace weir::client {
namespace {

template <typename T>
T parsed(std::string_view text) {
    const Result<JournalLine> line = parse_journal_line(text);
    EXPECT_TRUE(line) << text << ": " << line.error().message();
    if (!line || !std::holds_alternative<T>(*line)) {
        ADD_FAILURE() << text;
        return {};
    }
    return std::get<T>(*line);
}

TEST(JournalLine, OfEachKind) {
    EXPECT_EQ(parsed<JournalBegin>(R"({"begin":1041,"incarnation":"5d7a"})"),
              (JournalBegin{.sequence = 1041, .incarnation = "5d7a"}));
    EXPECT_EQ(parsed<JournalHeartbeat>(R"({"heartbeat":18446744073709551615})"),
              (JournalHeartbeat{.sequence = ~0ULL}));
    EXPECT_EQ(parsed<JournalEnd>(R"({"end":"draining","sequence":7})"),
              (JournalEnd{.reason = "draining", .sequence = 7}));
    EXPECT_EQ(parsed<JournalOther>(R"({"weather":"fair","sequence":7})"), JournalOther{});
}

TEST(JournalLine, AnEntryTellsWhatTheKeyHasNow) {
    const auto put = parsed<JournalEntry>(
        R"({"sequence":1042,"operation":"put","key":"llama/\u00e9.json","version":"18a0",)"
        R"("time":"2026-11-27T07:55:01.123Z","current":"18a1","etag":"5d41","size":5,)"
        R"("last_modified":"1970-01-01T00:00:02.500Z","metadata":false,"later":[1]})");
    EXPECT_EQ(put.sequence, 1042U);
    EXPECT_EQ(put.operation, "put");
    EXPECT_EQ(put.key, "llama/é.json");
    ASSERT_TRUE(put.current);
    EXPECT_EQ(*put.current, (JournalObject{.version = "18a1",
                                           .etag = "5d41",
                                           .bytes = 5,
                                           .last_modified = 2'500'000'000,
                                           .metadata = false}));
    const auto removed =
        parsed<JournalEntry>(R"({"sequence":2,"operation":"remove","key":"a","version":"1"})");
    EXPECT_FALSE(removed.current);
    const auto bucket = parsed<JournalEntry>(R"({"sequence":3,"operation":"bucket"})");
    EXPECT_EQ(bucket.key, "");
    EXPECT_FALSE(bucket.current);
}

TEST(JournalLine, MetadataIsAskedForUnlessThereIsNone) {
    const std::string head =
        R"({"sequence":1,"operation":"put","key":"a","current":"1","etag":"e","size":0,)"
        R"("last_modified":"1970-01-01T00:00:00Z")";
    EXPECT_TRUE(parsed<JournalEntry>(head + "}").current->metadata);
    EXPECT_TRUE(parsed<JournalEntry>(head + R"(,"metadata":true})").current->metadata);
    EXPECT_TRUE(parsed<JournalEntry>(head + R"(,"metadata":{"a":1}})").current->metadata);
    EXPECT_FALSE(parsed<JournalEntry>(head + R"(,"metadata":false})").current->metadata);
}

TEST(JournalLine, WhatIsNoneIsRefused) {
    for (const std::string_view text : {
             "",
             "{",
             "[]",
             "7",
             R"({"begin":1})",
             R"({"begin":-1,"incarnation":"a"})",
             R"({"begin":1.5,"incarnation":"a"})",
             R"({"begin":"1","incarnation":"a"})",
             R"({"heartbeat":null})",
             R"({"end":"gone"})",
             R"({"operation":"put","key":"a"})",
             R"({"sequence":1,"operation":"put","key":7})",
             R"({"sequence":1,"operation":"put","key":"a","etag":"e"})",
             R"({"sequence":1,"operation":"put","key":"a","current":"1","etag":"e","size":1,)"
             R"("last_modified":"yesterday"})",
         }) {
        const Result<JournalLine> line = parse_journal_line(text);
        ASSERT_FALSE(line) << text;
        EXPECT_EQ(line.error().code(), Code::invalid_encoding) << text;
    }
}

}  // namespace
}  // namespace weir::client
