#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "meta/keys.h"
#include "meta/records.h"
#include "meta/version.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

class Buckets : public StoreTest {
  protected:
    Result<Bucket> create(const std::string& name, const std::string& owner = "owner") {
        return rig.store().create_bucket(name, owner, "eu");
    }
    std::vector<std::string> names(const std::string& owner, const std::string& prefix = "",
                                   const std::string& after = "", std::size_t count_max = 1000) {
        std::vector<std::string> all;
        for (const Bucket& bucket : must(rig.store().list_buckets(owner, prefix, after, count_max)))
            all.push_back(bucket.name);
        return all;
    }
};
INSTANTIATE_TEST_SUITE_P(, Buckets, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Buckets, AreFoundByNameAndListedByOwner) {
    for (const std::string name : {"b", "a", "ab", "c"}) must(create(name));
    must(create("other", "somebody"));
    EXPECT_EQ(code_of(create("a")), Code::bucket_already_owned_by_you);
    EXPECT_EQ(code_of(create("other")), Code::bucket_already_exists);
    EXPECT_THAT(names("owner"), ::testing::ElementsAre("a", "ab", "b", "c"));
    EXPECT_THAT(names("owner", "a"), ::testing::ElementsAre("a", "ab"));
    EXPECT_THAT(names("owner", "", "ab"), ::testing::ElementsAre("b", "c"));
    EXPECT_THAT(names("owner", "", "", 2), ::testing::ElementsAre("a", "ab"));
    EXPECT_THAT(names("owner", "", "", 0), ::testing::IsEmpty());
    const Bucket found = must(rig.store().find_bucket("a"));
    EXPECT_EQ(found.owner, "owner");
    EXPECT_EQ(found.location, "eu");
    EXPECT_EQ(code_of(rig.store().find_bucket("none")), Code::no_such_bucket);
}

TEST_P(Buckets, AreOnlyDeletedWhenEmpty) {
    const Bucket bucket = rig.bucket("b", meta::VERSIONING_ENABLED);
    const meta::ObjectRecord record = must(rig.put(bucket, "k", "1"));
    EXPECT_EQ(code_of(rig.store().delete_bucket("b")), Code::bucket_not_empty);
    const KeyChange::Removed marker = must(rig.remove(bucket, "k"));
    EXPECT_EQ(code_of(rig.store().delete_bucket("b")), Code::bucket_not_empty);
    must(rig.remove(bucket, "k", meta::parse_version_id(meta::version_id(record))));
    EXPECT_EQ(code_of(rig.store().delete_bucket("b")), Code::bucket_not_empty);
    must(rig.remove(bucket, "k", meta::parse_version_id(marker.version_id)));
    must(rig.store().delete_bucket("b"));
    EXPECT_EQ(code_of(rig.store().delete_bucket("b")), Code::no_such_bucket);
    EXPECT_EQ(code_of(rig.put(bucket, "k", "1")), Code::operation_aborted);
    must(rig.reclaim());
    // The partition is gone now, and whoever still holds the bucket is told the same.
    EXPECT_EQ(code_of(rig.kv().get(bucket.partition, meta::fence_row)), Code::not_found);
    EXPECT_EQ(code_of(rig.put(bucket, "k", "1")), Code::no_such_bucket);
    EXPECT_EQ(code_of(rig.get(bucket, "k")), Code::no_such_bucket);
    EXPECT_EQ(code_of(rig.store().list(bucket, {})), Code::no_such_bucket);
    EXPECT_EQ(code_of(rig.create_upload(bucket, "k")), Code::no_such_bucket);
    EXPECT_EQ(rig.store()
                  .remove_many(bucket, {{.key = "k", .version = {}, .precondition = {}}})
                  .front()
                  .error()
                  .code(),
              Code::no_such_bucket);
    const Bucket again = must(create("b"));
    EXPECT_NE(again.partition, bucket.partition);
    EXPECT_EQ(must(rig.store().versioning(again)), meta::VERSIONING_UNSET);
}

TEST_P(Buckets, ThatAreDeletedTakeTheirOpenUploadsWithThem) {
    const Bucket bucket = rig.bucket();
    const std::string upload = must(rig.create_upload(bucket, "k"));
    for (std::uint32_t number = 1; number <= 3; ++number)
        must(rig.put_part(bucket, {.key = "k", .upload_id = upload, .part_number = number},
                          content(number, number == 2 ? 1000 : part_bytes_min)));
    must(rig.store().delete_bucket(bucket.name));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_EQ(rig.store().shared_blobs_open(), 0u);
    EXPECT_EQ(code_of(rig.kv().get(bucket.partition, meta::fence_row)), Code::not_found);
    EXPECT_TRUE(rig.rows(meta::system_partition, meta::drain_prefix).empty());
}

TEST_P(Buckets, AreMadeOnceByManyWhoRace) {
    for (int round = 0; round < 10; ++round) {
        const std::string name = "race" + std::to_string(round);
        std::atomic<int> made = 0;
        {
            std::vector<std::jthread> racers;
            for (int i = 0; i < 8; ++i) {
                racers.emplace_back([&] {
                    const Result<Bucket> bucket = create(name);
                    made += bucket.has_value();
                    if (!bucket) {
                        EXPECT_EQ(bucket.error().code(), Code::bucket_already_owned_by_you);
                    }
                    EXPECT_TRUE(rig.store().find_bucket(name));
                });
            }
        }
        EXPECT_EQ(made, 1);
    }
    EXPECT_EQ(names("owner").size(), 10u);
}

// Whoever was told that an object is stored finds it, unless the bucket was empty when it went.
TEST_P(Buckets, NeverGoWithAnObjectInside) {
    const std::uint64_t seed = test_seed();
    for (int round = 0; round < 40; ++round) {
        const Bucket bucket = must(create("b"));
        std::atomic<int> stored = 0, deleted = 0;
        {
            std::vector<std::jthread> racers;
            for (int i = 0; i < 2; ++i) {
                racers.emplace_back([&] {
                    const Result<void> done = rig.store().delete_bucket("b");
                    deleted += done.has_value();
                    if (!done) {
                        EXPECT_THAT(done.error().code(),
                                    ::testing::AnyOf(Code::bucket_not_empty, Code::no_such_bucket));
                    }
                });
            }
            racers.emplace_back([&] {
                const auto put = rig.put(bucket, "k", content(seed, 20'000));
                stored += put.has_value();
                if (!put) {
                    EXPECT_THAT(put.error().code(),
                                ::testing::AnyOf(Code::no_such_bucket, Code::operation_aborted));
                }
            });
            racers.emplace_back([&] { EXPECT_TRUE(rig.reclaim()); });
        }
        ASSERT_FALSE(stored > 0 && deleted > 0);
        if (stored > 0) {
            EXPECT_TRUE(must(rig.get(must(rig.store().find_bucket("b")), "k")) ==
                        content(seed, 20'000));
            must(rig.remove(bucket, "k"));
        }
        if (deleted == 0) must(rig.store().delete_bucket("b"));
        must(rig.reclaim());
        ASSERT_TRUE(rig.all_blobs().empty());
        EXPECT_TRUE(names("owner").empty());
    }
}

TEST_P(Buckets, ThatComeAndGoUnderManyHandsLeaveNoPartition) {
    {
        std::vector<std::jthread> racers;
        for (int i = 0; i < 4; ++i) {
            racers.emplace_back([&] {
                for (int n = 0; n < 25; ++n) {
                    const Result<Bucket> made = create("b");
                    if (!made) {
                        EXPECT_THAT(made.error().code(),
                                    ::testing::AnyOf(Code::bucket_already_owned_by_you,
                                                     Code::no_such_bucket));
                    }
                    const Result<void> gone = rig.store().delete_bucket("b");
                    if (!gone) {
                        EXPECT_THAT(gone.error().code(), ::testing::AnyOf(Code::no_such_bucket,
                                                                          Code::operation_aborted));
                    }
                }
            });
        }
        racers.emplace_back([&] {
            for (int n = 0; n < 25; ++n) EXPECT_TRUE(rig.reclaim());
        });
    }
    if (rig.store().find_bucket("b")) must(rig.store().delete_bucket("b"));
    must(rig.reclaim());
    EXPECT_TRUE(rig.rows(meta::system_partition, meta::drain_prefix).empty());
    if (GetParam() == Rig::Kind::memory) {
        EXPECT_EQ(rig.memory_kv().partitions(), 1u);
    }
}

TEST_P(Buckets, HalfMadeAreFinishedByWhoeverFindsThemAndDisturbNobody) {
    const Bucket whole = rig.bucket();
    must(rig.put(whole, "k", content(1, 20'000)));
    must(rig.remove(whole, "k"));
    meta::BucketEntry entry;
    entry.set_name("half");
    entry.set_owner("owner");
    entry.set_partition(5000);
    entry.set_state(meta::BUCKET_CREATING);
    kv::Batch claim;
    claim.put(meta::bucket_row("half"), meta::encode(entry));
    must(kv::commit_and_wait(rig.kv(), meta::system_partition, std::move(claim)));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    const Bucket found = must(rig.store().find_bucket("half"));
    must(rig.put(found, "k", "1"));
    EXPECT_EQ(code_of(create("half")), Code::bucket_already_owned_by_you);
}

TEST_P(Buckets, HalfDeletedAreOpenedAgainOrFinished) {
    for (const bool empty : {false, true}) {
        const Bucket bucket = rig.bucket(empty ? "empty" : "full");
        if (!empty) must(rig.put(bucket, "k", "1"));
        const std::optional<std::string> bytes =
            must(rig.kv().get(bucket.partition, meta::fence_row));
        meta::BucketFence fence = must(meta::decode<meta::BucketFence>(*bytes));
        fence.set_state(meta::BUCKET_DELETING);
        fence.set_generation(fence.generation() + 1);
        kv::Batch close;
        close.put(std::string(meta::fence_row), meta::encode(fence));
        must(kv::commit_and_wait(rig.kv(), bucket.partition, std::move(close)));
        // It may be opened again: not yet a bucket that is not there.
        EXPECT_EQ(code_of(rig.put(bucket, "k2", "1")), Code::operation_aborted);
        must(rig.reclaim());
        if (empty) {
            EXPECT_EQ(code_of(rig.store().find_bucket("empty")), Code::no_such_bucket);
        } else {
            EXPECT_TRUE(rig.put(bucket, "k2", "1"));
        }
    }
}

}  // namespace
}  // namespace weir::store
