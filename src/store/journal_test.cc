#include "store/journal.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/version.h"
#include "store/reclaimer.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

class Journal : public StoreTest {
  public:
    JournalReader open(const Bucket& bucket, const std::string& prefix = "",
                       std::optional<kv::Sequence> after = std::nullopt) {
        return must(JournalReader::open(rig.store(), bucket, prefix, after));
    }
    // Everything until the reader has caught up, as "operation key".
    std::vector<std::string> rest(JournalReader& reader, std::size_t bytes_max = 1) {
        std::vector<std::string> told;
        for (bool current = false; !current;) {
            const JournalPage page = must(reader.next(bytes_max));
            current = page.current;
            for (const JournalPage::Line& line : page.lines)
                told.push_back(std::to_string(line.entry.operation()) + " " + line.entry.key());
        }
        return told;
    }
    // What a follower knows of the current objects: key -> version and ETag.
    using Folded = std::map<std::string, std::pair<std::string, std::string>>;
    static void fold(const JournalPage& page, Folded& folded) {
        for (const auto& [sequence, entry] : page.lines) {
            if (entry.operation() == meta::JOURNAL_BUCKET) continue;
            if (entry.has_current()) {
                folded[entry.key()] = {meta::encode_version(entry.current().version()),
                                       entry.current().etag()};
            } else {
                folded.erase(entry.key());
            }
        }
    }
    Folded listed(const Bucket& bucket, const std::string& prefix) {
        Folded listed;
        const meta::Listing listing = must(rig.store().list(
            bucket, {.prefix = prefix, .delimiter = "", .after = "", .keys_max = 100'000}));
        for (const meta::ListedObject& object : listing.objects)
            listed[object.key] = {meta::encode_version(object.record.version()),
                                  object.record.etag()};
        return listed;
    }
};

TEST_P(Journal, TellsWhatWasCommittedSinceInOrder) {
    const Bucket bucket = rig.bucket();
    must(rig.put(bucket, "before", "1"));
    JournalReader reader = open(bucket);
    EXPECT_TRUE(rest(reader).empty()) << "it begins at the end";
    must(rig.put(bucket, "a", "1"));
    must(rig.put(bucket, "b/1", "1"));
    const kv::Sequence between = must(rig.kv().last_sequence(bucket.partition));
    must(rig.copy(bucket, "a", bucket, "b/2"));
    must(rig.remove(bucket, "a"));
    EXPECT_EQ(rest(reader), (std::vector<std::string>{"0 a", "0 b/1", "3 b/2", "2 a"}));
    EXPECT_TRUE(rest(reader).empty());
    JournalReader resumed = open(bucket, "", between);
    EXPECT_EQ(rest(resumed, 1'000'000), (std::vector<std::string>{"3 b/2", "2 a"}));
    JournalReader of_folder = open(bucket, "b/", 0);
    EXPECT_EQ(rest(of_folder), (std::vector<std::string>{"0 b/1", "3 b/2"}));
    EXPECT_EQ(of_folder.position(), reader.position()) << "what it left out is behind it too";
}

TEST_P(Journal, SaysWhetherThereIsUserMetadata) {
    const Bucket bucket = rig.bucket();
    JournalReader reader = open(bucket);
    must(rig.put(bucket, "plain", "1"));
    JournalPage page = must(reader.next(1));
    EXPECT_TRUE(page.lines.at(0).entry.current().no_user_metadata());
    meta::ObjectHeaders headers;
    headers.add_user_metadata()->set_name("mode");
    must(rig.store().copy(bucket, {.source_bucket = &bucket,
                                   .source_key = "plain",
                                   .source_version = {},
                                   .source_precondition = {},
                                   .key = "told",
                                   .headers = headers,
                                   .checksum_algorithm = {},
                                   .precondition = {}}));
    page = must(reader.next(1));
    EXPECT_FALSE(page.lines.at(0).entry.current().no_user_metadata());
}

TEST_P(Journal, EndsWithTheBucketThoughAnotherTakesItsName) {
    const Bucket bucket = rig.bucket();
    JournalReader reader = open(bucket);
    int calls = 0;
    const std::unique_ptr<kv::Watch> watch =
        rig.kv().watch_journal(bucket.partition, [&] { ++calls; });
    must(rig.store().delete_bucket(bucket.name));
    EXPECT_GT(calls, 0) << "followers are told";
    EXPECT_EQ(code_of(reader.next(1)), Code::no_such_bucket);
    rig.bucket();
    EXPECT_EQ(code_of(reader.next(1)), Code::no_such_bucket);
    must(rig.reclaim());
    EXPECT_EQ(code_of(reader.next(1)), Code::no_such_bucket);
    EXPECT_EQ(code_of(JournalReader::open(rig.store(), bucket, "", std::nullopt)),
              Code::no_such_bucket);
}

TEST_P(Journal, RefusesWhomItNoLongerServes) {
    const Bucket bucket = rig.bucket();
    JournalReader slow = open(bucket);
    must(rig.put(bucket, "a", "1"));
    JournalReader quick = open(bucket);
    rig.clock().advance(
        std::chrono::nanoseconds(rig.store().context().settings.journal_keep_nanos + 1));
    must(Reclaimer(rig.store(), rig.writer()).run_once(rig.clock().now()));
    EXPECT_EQ(code_of(slow.next(1)), Code::journal_gone);
    EXPECT_EQ(code_of(slow.next(1)), Code::journal_gone) << "and again";
    EXPECT_EQ(code_of(JournalReader::open(rig.store(), bucket, "", slow.position())),
              Code::journal_gone);
    must(rig.put(bucket, "b", "1"));
    EXPECT_EQ(rest(quick), (std::vector<std::string>{"0 b"})) << "nothing of its was trimmed";
    EXPECT_EQ(code_of(JournalReader::open(rig.store(), bucket, "", quick.position() + 1)),
              Code::journal_gone)
        << "of a store that was set back";
}

TEST_P(Journal, HoldsNoMoreThanIsKept) {
    Context context = rig.context();
    context.settings.journal_keep_bytes = 10'000;
    ObjectStore store(context);
    const Bucket bucket = rig.bucket(), quiet = rig.bucket("quiet");
    must(rig.put(quiet, "k", "1"));
    Reclaimer reclaimer(store, rig.writer());
    const auto held = [&] {
        std::uint64_t bytes = 0;
        for (const kv::Row& row : rig.rows(bucket.partition, kv::journal_prefix))
            bytes += row.key.size() + row.value.size();
        return bytes;
    };
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 40; ++i) must(rig.put(bucket, "k" + std::to_string(i), "1"));
        JournalReader reader = open(bucket);
        must(reclaimer.run_once(rig.clock().now()));
        EXPECT_LE(held(), 10'000u);
        EXPECT_TRUE(rest(reader).empty()) << "the end is never trimmed";
        if (round < 3) continue;
        EXPECT_GT(held(), 9'000u) << "nor more than has to be";
        EXPECT_EQ(code_of(JournalReader::open(rig.store(), bucket, "", 0)), Code::journal_gone);
    }
    // Another that begins to count finds the same.
    const std::uint64_t before = held();
    must(Reclaimer(store, rig.writer()).run_once(rig.clock().now()));
    EXPECT_EQ(held(), before);
    EXPECT_EQ(rig.rows(quiet.partition, kv::journal_prefix).size(), 1u);
}

// Followers of the whole bucket and of a folder, who stop and go on where they were, among writers.
TEST_P(Journal, FoldsToTheListingWhoeverWrites) {
    const std::uint64_t seed = test_seed();
    const Bucket bucket =
        rig.bucket("weights", seed % 2 == 0 ? meta::VERSIONING_UNSET : meta::VERSIONING_ENABLED);
    constexpr int writers = 4, changes = 150;
    std::atomic<int> writing = writers;
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&, writer] {
            std::mt19937_64 random(seed + static_cast<std::uint64_t>(writer));
            const auto key = [&] {
                return std::string(random() % 2 == 0 ? "a/" : "b/") + std::to_string(random() % 8);
            };
            for (int i = 0; i < changes; ++i) {
                const std::string name = key();
                if (random() % 3 == 0) {
                    must(rig.remove(bucket, name));
                } else if (random() % 3 == 0) {
                    static_cast<void>(rig.store().rename(bucket, {.source_key = name,
                                                                  .key = key(),
                                                                  .source_precondition = {},
                                                                  .precondition = {}}));
                } else {
                    must(rig.put(bucket, name, std::to_string(random())));
                }
            }
            --writing;
        });
    }
    for (const std::string prefix : {"", "b/"}) {
        threads.emplace_back([&, prefix] {
            std::mt19937_64 random(seed);
            Folded folded;
            kv::Sequence position = 0;
            for (bool last = false, current = false; !last || !current;) {
                last = writing == 0;
                current = false;
                JournalReader reader =
                    must(JournalReader::open(rig.store(), bucket, prefix, position));
                for (auto pages = random() % 5; pages > 0 && !(current && last); --pages) {
                    const JournalPage page = must(reader.next(1 + random() % 2000));
                    for (const JournalPage::Line& line : page.lines) {
                        EXPECT_GT(line.sequence, position) << "told twice";
                        position = line.sequence;
                    }
                    fold(page, folded);
                    current = page.current;
                }
                position = reader.position();
            }
            EXPECT_EQ(folded, listed(bucket, prefix)) << prefix;
        });
    }
    for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Engines, Journal, testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

}  // namespace
}  // namespace weir::store
