// Puts of who may not wait: prepared from memory, committed by a callback, settled by put() or
// was_put() where that did not end it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

using PreparedPut = ObjectStore::PreparedPut;

class PreparedPuts : public StoreTest {
  protected:
    StoredBody body_of(const std::string& bytes) {
        BodyWriter writer = rig.store().begin_body(bucket, bytes.size(), {});
        must(writer.write(as_bytes(bytes)));
        EXPECT_TRUE(writer.in_memory());
        return must(writer.finish());
    }
    PutRequest request(const std::string& bytes, Precondition precondition = {}) {
        return {.key = "k",
                .headers = {},
                .etag = md5_hex(bytes),
                .checksums = {},
                .precondition = std::move(precondition)};
    }
    Result<PreparedPut> prepare(const std::string& bytes, Precondition precondition = {}) {
        return rig.store().prepare_put(bucket, request(bytes, std::move(precondition)),
                                       body_of(bytes));
    }

    const Bucket bucket = rig.bucket("weights", meta::VERSIONING_ENABLED);
};
INSTANTIATE_TEST_SUITE_P(, PreparedPuts, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(PreparedPuts, AreThereOnceTheyAreCommittedAndNotBefore) {
    for (const std::string& bytes : std::vector<std::string>{"first", "second", ""}) {
        PreparedPut prepared = must(prepare(bytes));
        const auto before = rig.get(bucket, "k");
        EXPECT_TRUE(!before || *before != bytes);
        must(commit_and_wait(rig.store(), bucket, prepared));
        EXPECT_EQ(must(rig.get(bucket, "k")), bytes);
    }
    EXPECT_EQ(must(rig.store().list_versions(bucket, {})).versions.size(), 3u);
    rig.restart();
    EXPECT_EQ(must(rig.get(bucket, "k")), "");
    rig.expect_all_readable(bucket);
}

TEST_P(PreparedPuts, LoseToWhoCameBetweenAndWinThenByPut) {
    PreparedPut prepared = must(prepare("late"));
    must(rig.put(bucket, "k", "between"));
    EXPECT_EQ(code_of(commit_and_wait(rig.store(), bucket, prepared)), Code::conflict);
    EXPECT_EQ(must(rig.get(bucket, "k")), "between");
    must(put_prepared(rig.store(), bucket, request("late"), body_of("late")));
    EXPECT_EQ(must(rig.get(bucket, "k")), "late");
}

TEST_P(PreparedPuts, KeepTheirConditions) {
    const Precondition absent = [](const meta::ObjectRecord* current) -> Result<void> {
        if (current != nullptr) return fail(Code::precondition_failed);
        return {};
    };
    PreparedPut prepared = must(prepare("mine", absent));
    must(rig.put(bucket, "k", "another's"));
    EXPECT_EQ(code_of(commit_and_wait(rig.store(), bucket, prepared)), Code::conflict);
    EXPECT_EQ(code_of(put_prepared(rig.store(), bucket, request("mine", absent), body_of("mine"))),
              Code::precondition_failed);
    EXPECT_EQ(must(rig.get(bucket, "k")), "another's");
}

TEST_P(PreparedPuts, OfADeletedBucketFindNone) {
    PreparedPut prepared = must(prepare("x"));
    must(rig.store().delete_bucket("weights"));
    must(rig.reclaim());
    const Result<void> committed = commit_and_wait(rig.store(), bucket, prepared);
    EXPECT_THAT(code_of(committed), ::testing::AnyOf(Code::no_such_bucket, Code::conflict));
    EXPECT_FALSE(put_prepared(rig.store(), bucket, request("x"), body_of("x")));
}

// Nothing of an unknown outcome is guessed: the row tells.
TEST_P(PreparedPuts, WhoseReplyIsLostAreLookedUp) {
    const Error lost(Code::unavailable);
    PreparedPut applied = must(prepare("applied"));
    must(commit_and_wait(rig.store(), bucket, applied));
    EXPECT_TRUE(must(rig.store().was_put(bucket, applied, lost)));
    PreparedPut never = must(prepare("never"));
    EXPECT_FALSE(must(rig.store().was_put(bucket, never, lost)));
    EXPECT_FALSE(must(rig.store().was_put(bucket, applied, Error(Code::io_error))));
}

TEST(PreparedPutsInMemory, GoOnByThemselvesWhereReadsBlockAndRepliesAreLost) {
    Rig rig(Rig::Kind::memory, {.would_block_percent = 50});
    const Bucket bucket = rig.bucket();
    rig.memory_kv().lose_replies(50);
    for (int i = 0; i < 100; ++i) {
        const std::string bytes = std::to_string(i);
        BodyWriter writer = rig.store().begin_body(bucket, bytes.size(), {});
        must(writer.write(as_bytes(bytes)));
        const Result<meta::ObjectRecord> record = put_prepared(rig.store(), bucket,
                                                               {.key = "k",
                                                                .headers = {},
                                                                .etag = md5_hex(bytes),
                                                                .checksums = {},
                                                                .precondition = {}},
                                                               must(writer.finish()));
        EXPECT_EQ(must(record).etag(), md5_hex(bytes));
        EXPECT_EQ(must(rig.get(bucket, "k")), bytes);
    }
}

}  // namespace
}  // namespace weir::store
