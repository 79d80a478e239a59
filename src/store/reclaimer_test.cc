#include "store/reclaimer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/bytes.h"
#include "kv/forwarding_engine.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/orphans.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

// Refuses to remove checksums, while told to.
class RefusingEngine final : public kv::ForwardingEngine {
  public:
    using ForwardingEngine::ForwardingEngine;
    bool refuses = false;

    void commit(kv::PartitionId partition, kv::Batch batch, kv::CommitDone done) override {
        const bool of_checksums = std::ranges::any_of(batch.removes, [](const std::string& key) {
            return key.starts_with(meta::checksum_prefix);
        });
        if (refuses && of_checksums) return done(fail(Code::io_error, "refused by the test"));
        ForwardingEngine::commit(partition, std::move(batch), std::move(done));
    }
};

class Reclaiming : public StoreTest {
  protected:
    void SetUp() override { bucket = rig.bucket(); }
    Bucket bucket;
};
INSTANTIATE_TEST_SUITE_P(, Reclaiming, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Reclaiming, WaitsForTheDelay) {
    must(rig.put(bucket, "k", content(1, 20'000)));
    must(rig.remove(bucket, "k"));
    Reclaimer reclaimer(rig.store(), rig.writer());
    const UnixNanos deleted = rig.clock().now(),
                    delay = rig.store().context().settings.reclaim_delay_nanos;
    must(reclaimer.run_once(deleted + delay - 1));
    EXPECT_EQ(rig.all_blobs().size(), 1u);
    must(reclaimer.run_once(deleted + delay));
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_EQ(reclaimer.stats().blobs, 1u);
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Reclaiming, DoesNotWaitForAClockThatJumpedBack) {
    const UnixNanos now = rig.clock().now(),
                    delay = rig.store().context().settings.reclaim_delay_nanos;
    rig.clock().set(now + 10 * Rig::day_nanos);
    must(rig.put(bucket, "k", content(1, 20'000)));
    must(rig.remove(bucket, "k"));
    rig.clock().set(now);
    Reclaimer reclaimer(rig.store(), rig.writer());
    must(reclaimer.run_once(now));
    EXPECT_EQ(rig.all_blobs().size(), 1u) << "not before a delay is over";
    must(reclaimer.run_once(now + delay - 1));
    EXPECT_EQ(rig.all_blobs().size(), 1u);
    must(reclaimer.run_once(now + delay));
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

// Commits, and says of some that it does not know, before or after it did.
class UnsureEngine final : public kv::ForwardingEngine {
  public:
    using ForwardingEngine::ForwardingEngine;
    enum class Unsure { never, not_done, done } unsure = Unsure::never;

    void commit(kv::PartitionId partition, kv::Batch batch, kv::CommitDone done) override {
        if (unsure == Unsure::never)
            return ForwardingEngine::commit(partition, std::move(batch), std::move(done));
        if (unsure == Unsure::not_done) return done(fail(Code::io_error));
        ForwardingEngine::commit(partition, std::move(batch), [done](const Result<kv::Committed>&) {
            done(fail(Code::io_error));
        });
    }
};

TEST_P(Reclaiming, DecidesWhatAFailedCommitLeft) {
    UnsureEngine engine(rig.kv());
    rig.interpose(engine);
    Reclaimer reclaimer(rig.store(), rig.writer());
    engine.unsure = UnsureEngine::Unsure::done;
    EXPECT_EQ(code_of(rig.put(bucket, "there", content(1, 20'000))), Code::io_error);
    engine.unsure = UnsureEngine::Unsure::not_done;
    EXPECT_EQ(code_of(rig.put(bucket, "not", content(2, 20'000))), Code::io_error);
    EXPECT_EQ(rig.all_blobs().size(), 2u);
    EXPECT_EQ(code_of(reclaimer.run_once(rig.clock().now())), Code::io_error)
        << "nothing is decided before a commit succeeds";
    EXPECT_EQ(rig.all_blobs().size(), 2u);
    EXPECT_EQ(rig.store().in_flight().low_water(), 0u);
    engine.unsure = UnsureEngine::Unsure::never;
    must(reclaimer.run_once(rig.clock().now()));
    EXPECT_EQ(rig.all_blobs().size(), 1u);
    EXPECT_EQ(rig.store().in_flight().low_water(), 2u);
    EXPECT_EQ(must(rig.get(bucket, "there")), content(1, 20'000));
    EXPECT_EQ(code_of(rig.get(bucket, "not")), Code::no_such_key);
}

TEST_P(Reclaiming, OneBadRowDoesNotStopTheOthers) {
    const Bucket second = rig.bucket("zz");
    for (const Bucket& each : {bucket, second}) {
        must(rig.put(each, "k", content(1, 20'000)));
        must(rig.remove(each, "k"));
    }
    kv::Batch bad;
    bad.put(meta::garbage_row(1, 1), "\xff\xff");
    must(kv::commit_and_wait(rig.kv(), bucket.partition, std::move(bad)));
    EXPECT_EQ(code_of(rig.reclaim()), Code::corrupt);
    EXPECT_TRUE(rig.all_blobs().empty());
}

// Bytes that go before their checksums would look like damage.
TEST_P(Reclaiming, TakesNoBytesWhoseChecksumsItCannotTake) {
    must(rig.put(bucket, "k", content(1, 20'000)));
    const std::size_t checksums = rig.rows(bucket.partition, meta::checksum_prefix).size();
    ASSERT_GT(checksums, 0u);
    must(rig.remove(bucket, "k"));
    RefusingEngine engine(rig.kv());
    rig.interpose(engine);
    engine.refuses = true;
    EXPECT_EQ(code_of(rig.reclaim()), Code::io_error);
    EXPECT_EQ(rig.all_blobs().size(), 1u);
    EXPECT_EQ(rig.rows(bucket.partition, meta::checksum_prefix).size(), checksums);
    engine.refuses = false;
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
    rig.restart();
}

// A bucket whose blobs live on as copies waits for them; others do not wait for it.
TEST_P(Reclaiming, DeletedBucketsThatMustWaitHoldUpNobody) {
    constexpr int waiting = 300;
    for (int n = 0; n < waiting; ++n) {
        const std::string name = "waiting" + std::to_string(n);
        const Bucket from = rig.bucket(name);
        must(rig.put(from, "k", content(1, 20'000)));
        must(rig.copy(from, "k", bucket, name));
        must(rig.remove(from, "k"));
        must(rig.store().delete_bucket(name));
    }
    const Bucket last = rig.bucket("last");
    const std::string upload = must(rig.create_upload(last, "k"));
    must(rig.put_part(last, {.key = "k", .upload_id = upload, .part_number = 1},
                      content(2, 20'000)));
    must(rig.store().delete_bucket("last"));
    must(rig.reclaim());
    EXPECT_EQ(rig.all_blobs().size(), static_cast<std::size_t>(waiting));
    EXPECT_EQ(code_of(rig.kv().get(last.partition, meta::fence_row)), Code::not_found);
    rig.expect_all_readable(bucket);
}

// As fsck would tell: the head is there, and where its parts lie is not. It can still be replaced
// and deleted.
TEST_P(Reclaiming, AnObjectWithoutItsPartTableCanBeReplacedAndDeleted) {
    const auto damaged = [&](const std::string& key) {
        const std::string upload = must(rig.create_upload(bucket, key));
        for (std::uint32_t number = 1; number <= 2; ++number)
            must(rig.put_part(bucket, {.key = key, .upload_id = upload, .part_number = number},
                              content(number, part_bytes_min)));
        const meta::ObjectRecord record = must(rig.complete(bucket, key, upload));
        kv::Batch batch;
        batch.remove(meta::body_row(key, record.version()));
        must(kv::commit_and_wait(rig.kv(), bucket.partition, std::move(batch)));
    };
    damaged("deleted");
    must(rig.remove(bucket, "deleted"));
    EXPECT_EQ(code_of(rig.get(bucket, "deleted")), Code::no_such_key);
    damaged("deleted too");
    EXPECT_TRUE(
        rig.store()
            .remove_many(bucket, {{.key = "deleted too", .version = {}, .precondition = {}}})
            .front());
    damaged("replaced");
    must(rig.put(bucket, "replaced", "good"));
    EXPECT_EQ(must(rig.get(bucket, "replaced")), "good");
}

TEST_P(Reclaiming, TrimsTheJournalAndLeavesAMark) {
    must(rig.put(bucket, "old", "1"));
    must(rig.put(bucket, "old", "2"));
    const UnixNanos keep = rig.store().context().settings.journal_keep_nanos;
    rig.clock().advance(std::chrono::nanoseconds(keep + 1));
    must(rig.put(bucket, "new", "1"));
    Reclaimer reclaimer(rig.store(), rig.writer());
    must(reclaimer.run_once(rig.clock().now()));
    const std::vector<kv::Row> left = rig.rows(bucket.partition, kv::journal_prefix);
    ASSERT_EQ(left.size(), 1u);
    const std::optional<std::string> mark =
        must(rig.kv().get(bucket.partition, meta::journal_low_water_row));
    ASSERT_TRUE(mark);
    EXPECT_LE(read_be64(*mark), kv::journal_sequence(left[0].key));
    EXPECT_GT(read_be64(*mark), kv::journal_sequence(left[0].key) - 2);
}

TEST_P(Reclaiming, RunsOnAThreadOfItsOwnAndEndsWhenTold) {
    Reclaimer reclaimer(rig.store(), rig.writer());
    must(rig.put(bucket, "k", content(1, 20'000)));
    must(rig.remove(bucket, "k"));
    rig.clock().advance(std::chrono::nanoseconds(Rig::day_nanos));
    reclaimer.start();
    while (reclaimer.stats().blobs == 0) std::this_thread::yield();
    reclaimer.stop();
    EXPECT_TRUE(rig.all_blobs().empty());
}

TEST_P(Reclaiming, NeverTakesWhatAReaderOrACopyStillHas) {
    const std::string bytes = content(1, 200'000);
    std::jthread background([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) EXPECT_TRUE(rig.reclaim());
    });
    {
        std::vector<std::jthread> workers;
        for (int worker = 0; worker < 4; ++worker) {
            workers.emplace_back([&, worker] {
                const std::string mine = "k" + std::to_string(worker),
                                  theirs = "k" + std::to_string((worker + 1) % 4);
                for (int n = 0; n < 40; ++n) {
                    EXPECT_TRUE(rig.put(bucket, mine, bytes));
                    const auto copied = rig.copy(bucket, theirs, bucket, mine);
                    if (!copied) {
                        EXPECT_EQ(copied.error().code(), Code::no_such_key);
                    }
                    const Result<std::string> got = rig.get(bucket, mine);
                    ASSERT_TRUE(got) << got.error().describe();
                    EXPECT_TRUE(*got == bytes);
                    EXPECT_TRUE(rig.remove(bucket, mine));
                }
            });
        }
    }
    background.request_stop();
    background.join();
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Reclaiming, OrphansOfTheDeadGoAndWhatWasCommittedStays) {
    must(rig.put(bucket, "kept", content(1, 20'000)));
    const std::uint32_t dead = rig.writer();
    // A body whose commit's fate is unknown, as a death leaves it.
    BodyWriter writer = rig.store().begin_body(bucket, std::nullopt, {});
    must(writer.write(as_bytes(content(2, 20'000))));
    StoredBody body = must(writer.finish());
    const UnixNanos now = rig.clock().now();
    must(Reclaimer(rig.store(), dead).run_once(now));
    const std::uint64_t low_water = rig.store().in_flight().low_water();
    EXPECT_EQ(low_water, 1u);
    body.abandon();
    EXPECT_EQ(rig.store().in_flight().low_water(), low_water);
    body = StoredBody();
    must(rig.put(bucket, "after", content(3, 20'000)));
    EXPECT_EQ(rig.all_blobs().size(), 3u);
    EXPECT_EQ(must(sweep_orphans(rig.store(), dead)).checked, 0u);

    rig.restart();
    EXPECT_NE(rig.writer(), dead);
    const OrphanSweep sweep = must(sweep_orphans(rig.store(), rig.writer()));
    EXPECT_EQ(sweep.checked, 2u);
    EXPECT_EQ(sweep.removed, 1u);
    EXPECT_EQ(rig.all_blobs().size(), 2u);
    rig.expect_all_readable(bucket);
    EXPECT_EQ(must(sweep_orphans(rig.store(), rig.writer())).checked, 0u);
}

TEST_P(Reclaiming, WriterNumbersAreNeverGivenTwice) {
    std::vector<std::uint32_t> numbers(16);
    {
        std::vector<std::jthread> starts;
        for (std::uint32_t& number : numbers)
            starts.emplace_back([&] { number = must(register_writer(rig.kv())); });
    }
    std::ranges::sort(numbers);
    EXPECT_EQ(std::ranges::adjacent_find(numbers), numbers.end());
    EXPECT_GT(numbers.front(), rig.writer());
}

}  // namespace
}  // namespace weir::store
