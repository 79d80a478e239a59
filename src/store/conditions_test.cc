// Conditional writes are linearizable, whoever races: threads, and two servers over one engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "base/bytes.h"
#include "meta/version.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

Result<void> if_none_match(const meta::ObjectRecord* current) {
    if (current != nullptr) return fail(Code::precondition_failed);
    return {};
}

Precondition if_match(const std::string& etag) {
    return [etag](const meta::ObjectRecord* current) -> Result<void> {
        if (current == nullptr || current->etag() != etag) return fail(Code::precondition_failed);
        return {};
    };
}

// One of two servers over the same engines.
Result<meta::ObjectRecord> put(ObjectStore& store, const Bucket& bucket, const std::string& key,
                               const std::string& bytes, Precondition precondition) {
    BodyWriter writer = store.begin_body(bucket, bytes.size(), {});
    TRY_VOID(writer.write(as_bytes(bytes)));
    TRY(StoredBody body, writer.finish());
    return store.put(bucket,
                     {.key = key,
                      .headers = {},
                      .etag = md5_hex(bytes),
                      .checksums = {},
                      .precondition = std::move(precondition)},
                     std::move(body));
}

class Conditions : public StoreTest {
  protected:
    void SetUp() override {
        bucket = rig.bucket();
        Context context = rig.context();
        context.source.writer = rig.writer() + 1000;
        other = std::make_unique<ObjectStore>(context);
    }
    ObjectStore& one_of_two(int i) { return i % 2 == 0 ? rig.store() : *other; }

    Bucket bucket;
    std::unique_ptr<ObjectStore> other;
};
INSTANTIATE_TEST_SUITE_P(, Conditions, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Conditions, OfManyRacingCreatorsExactlyOneWins) {
    for (const bool versioned : {false, true}) {
        if (versioned) must(rig.store().set_versioning(bucket, meta::VERSIONING_ENABLED));
        for (int round = 0; round < 5; ++round) {
            const std::string key = "key" + std::to_string(round) + (versioned ? "v" : "");
            std::atomic<int> won = 0, refused = 0;
            std::array<std::string, 32> bodies;
            std::string winner;
            {
                std::vector<std::jthread> racers;
                for (int i = 0; i < 32; ++i) {
                    // Half inline, half in blobs.
                    bodies[static_cast<std::size_t>(i)] =
                        content(static_cast<std::uint64_t>(i), i % 4 < 2 ? 100 : 20'000);
                    racers.emplace_back([&, i] {
                        const std::string& bytes = bodies[static_cast<std::size_t>(i)];
                        const auto done = put(one_of_two(i), bucket, key, bytes, if_none_match);
                        if (done) {
                            ++won;
                            winner = bytes;
                        } else {
                            EXPECT_EQ(done.error().code(), Code::precondition_failed);
                            ++refused;
                        }
                    });
                }
            }
            EXPECT_EQ(won, 1);
            EXPECT_EQ(refused, 31);
            EXPECT_TRUE(must(rig.get(bucket, key)) == winner);
        }
    }
    must(rig.reclaim());
    // Losers left nothing behind.
    std::size_t in_blobs = 0;
    for (const meta::ListedObject& object : must(rig.store().list(bucket, {})).objects)
        in_blobs += static_cast<std::size_t>(object.record.extents_size());
    EXPECT_EQ(rig.all_blobs().size(), in_blobs);
}

TEST_P(Conditions, ACounterByIfMatchLosesNothing) {
    must(rig.put(bucket, "counter", "0"));
    constexpr int threads = 8, increments = 25;
    {
        std::vector<std::jthread> racers;
        for (int i = 0; i < threads; ++i) {
            racers.emplace_back([&, i] {
                for (int n = 0; n < increments;) {
                    const std::string value = must(rig.get(bucket, "counter"));
                    const auto done =
                        put(one_of_two(i), bucket, "counter", std::to_string(std::stoi(value) + 1),
                            if_match(md5_hex(value)));
                    if (done) ++n;
                }
            });
        }
    }
    EXPECT_EQ(must(rig.get(bucket, "counter")), std::to_string(threads * increments));
}

TEST_P(Conditions, UnconditionalRacersAllSucceedAndVersionsStayUnique) {
    must(rig.store().set_versioning(bucket, meta::VERSIONING_ENABLED));
    constexpr int threads = 8, writes = 20;
    {
        std::vector<std::jthread> racers;
        for (int i = 0; i < threads; ++i) {
            racers.emplace_back([&, i] {
                for (int n = 0; n < writes; ++n)
                    EXPECT_TRUE(put(one_of_two(i), bucket, "k", std::to_string(n), {}));
            });
        }
    }
    EXPECT_EQ(must(rig.store().list_versions(bucket, {})).versions.size(),
              static_cast<std::size_t>(threads * writes));
    rig.expect_all_readable(bucket);
}

TEST_P(Conditions, AVersionThatIsThereIsFoundWhileOthersComeAndGo) {
    must(rig.store().set_versioning(bucket, meta::VERSIONING_ENABLED));
    const meta::ObjectRecord kept = must(rig.put(bucket, "k", "kept"));
    const meta::VersionName name{.null = false, .version = kept.version()};
    std::atomic<bool> stop = false;
    std::jthread churn([&] {
        for (int n = 0; n < 300; ++n) {
            const auto newer = put(*other, bucket, "k", "newer", {});
            ASSERT_TRUE(newer);
            ASSERT_TRUE(other->remove(
                bucket, {.key = "k",
                         .version = meta::VersionName{.null = false, .version = newer->version()},
                         .precondition = {}}));
            const auto marked =
                other->remove(bucket, {.key = "k", .version = std::nullopt, .precondition = {}});
            ASSERT_TRUE(marked);
            ASSERT_TRUE(
                other->remove(bucket, {.key = "k",
                                       .version = meta::parse_version_id(marked->version_id),
                                       .precondition = {}}));
        }
        stop = true;
    });
    while (!stop) {
        const Result<Found> found = rig.store().find(bucket, "k", name);
        EXPECT_TRUE(found) << found.error().describe();
    }
    churn.join();
    EXPECT_TRUE(must(rig.remove(bucket, "k", name)).found);
    EXPECT_TRUE(must(rig.store().list_versions(bucket, {})).versions.empty());
}

TEST_P(Conditions, DeletesAreConditionalToo) {
    must(rig.put(bucket, "k", "1"));
    RemoveRequest request{.key = "k", .version = std::nullopt, .precondition = if_match("other")};
    EXPECT_EQ(code_of(rig.store().remove(bucket, request)), Code::precondition_failed);
    request.precondition = if_match(md5_hex("1"));
    EXPECT_TRUE(must(rig.store().remove(bucket, request)).found);
    EXPECT_EQ(code_of(rig.get(bucket, "k")), Code::no_such_key);
}

TEST_P(Conditions, ManyDeletesInOneGoAnswerEachInItsPlace) {
    must(rig.put(bucket, "a", "1"));
    must(rig.put(bucket, "b", content(1, 20'000)));
    const std::vector<Result<KeyChange::Removed>> outcomes = rig.store().remove_many(
        bucket, {{.key = "a", .version = std::nullopt, .precondition = {}},
                 {.key = "none", .version = std::nullopt, .precondition = {}},
                 {.key = "b", .version = std::nullopt, .precondition = if_match("other")},
                 {.key = "a", .version = std::nullopt, .precondition = {}}});
    ASSERT_EQ(outcomes.size(), 4u);
    EXPECT_TRUE(must(outcomes[0]).found);
    EXPECT_FALSE(must(outcomes[1]).found);
    EXPECT_EQ(code_of(outcomes[2]), Code::precondition_failed);
    EXPECT_FALSE(must(outcomes[3]).found);
    EXPECT_EQ(must(rig.store().list(bucket, {})).objects.size(), 1u);
}

// Replies get lost after the commit was applied: whoever is told of success has it, exactly one of
// the creators does, and whoever hears that it is not known may try again.
TEST(LostReplies, NeverMakeTwoWinnersNorLoseOne) {
    const std::uint64_t seed = test_seed();
    for (std::uint64_t round = 0; round < 20; ++round) {
        Rig rig(Rig::Kind::memory, {.seed = seed + round});
        const Bucket bucket = rig.bucket();
        rig.memory_kv().lose_replies(30);
        std::atomic<int> won = 0;
        std::string winner;
        {
            std::vector<std::jthread> racers;
            for (int i = 0; i < 8; ++i) {
                racers.emplace_back([&, i] {
                    const std::string bytes = content(static_cast<std::uint64_t>(i), 20'000);
                    const auto done = put(rig.store(), bucket, "k", bytes, if_none_match);
                    if (done) {
                        ++won;
                        winner = bytes;
                    } else {
                        EXPECT_THAT(done.error().code(),
                                    ::testing::AnyOf(Code::precondition_failed, Code::unavailable));
                    }
                });
            }
        }
        EXPECT_EQ(won, 1);
        EXPECT_TRUE(must(rig.get(bucket, "k")) == winner);
        rig.memory_kv().lose_replies(0);
        must(rig.remove(bucket, "k"));
        must(rig.reclaim());
        EXPECT_TRUE(rig.all_blobs().empty());
    }
}

}  // namespace
}  // namespace weir::store
