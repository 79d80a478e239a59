#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "meta/version.h"
#include "store/journal.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

class PrefixRenames : public StoreTest {
  public:
    Result<std::size_t> rename(const Bucket& bucket, const std::string& from,
                               const std::string& to) {
        return rig.store().rename_prefix(bucket, {.source_prefix = from, .prefix = to});
    }
    std::vector<std::string> keys(const Bucket& bucket, const std::string& prefix = "") {
        std::vector<std::string> keys;
        const meta::Listing listing = must(rig.store().list(
            bucket, {.prefix = prefix, .delimiter = "", .after = "", .keys_max = 100'000}));
        for (const meta::ListedObject& object : listing.objects) keys.push_back(object.key);
        return keys;
    }
    using Keys = std::vector<std::string>;

    // Both entries of every key of one rename stand together: at its first the new folder has
    // nothing, at its last the old one.
    std::set<std::string> follow_renames(const Bucket& bucket, kv::Sequence begin) {
        JournalReader reader = must(JournalReader::open(rig.store(), bucket, "", begin));
        std::set<std::string> there{"a/first"};
        std::string target;  // of the rename that is being told
        for (bool current = false; !current;) {
            const JournalPage page = must(reader.next(10'000));
            current = page.current;
            for (const auto& [sequence, entry] : page.lines) {
                const std::string folder = entry.key().substr(0, 2);
                const bool renamed = entry.operation() == meta::JOURNAL_RENAME;
                const auto has = [&](const std::string& prefix) {
                    return std::ranges::any_of(
                        there, [&](const std::string& key) { return key.starts_with(prefix); });
                };
                if (renamed && target.empty()) {
                    target = folder == "a/" ? "b/" : "a/";
                    EXPECT_FALSE(has(target)) << sequence;
                }
                EXPECT_EQ(renamed, !target.empty()) << "something came between, at " << sequence;
                if (entry.has_current()) {
                    there.insert(entry.key());
                } else {
                    there.erase(entry.key());
                }
                if (renamed && folder == target && !has(target == "a/" ? "b/" : "a/"))
                    target.clear();
            }
        }
        return there;
    }
};

TEST_P(PrefixRenames, MoveEveryKeyInOneCommit) {
    const Bucket bucket = rig.bucket();
    const std::string small = "small", large = content(7, 300'000);
    must(rig.put(bucket, "a/", ""));
    must(rig.put(bucket, "a/small", small));
    must(rig.put(bucket, "a/deep/large", large));
    const std::string upload = must(rig.create_upload(bucket, "a/parts"));
    must(rig.put_part(bucket, {.key = "a/parts", .upload_id = upload, .part_number = 1}, large));
    must(rig.complete(bucket, "a/parts", upload));
    must(rig.copy(bucket, "a/deep/large", bucket, "a/shared"));
    must(rig.put(bucket, "a", "beside"));
    must(rig.put(bucket, "a0", "beside"));
    JournalReader journal = must(JournalReader::open(rig.store(), bucket, "", std::nullopt));
    EXPECT_EQ(must(rename(bucket, "a/", "b/c/")), 5u);
    EXPECT_EQ(keys(bucket),
              (Keys{"a", "a0", "b/c/", "b/c/deep/large", "b/c/parts", "b/c/shared", "b/c/small"}));
    EXPECT_EQ(must(rig.get(bucket, "b/c/small")), small);
    for (const char* key : {"b/c/deep/large", "b/c/parts", "b/c/shared"})
        EXPECT_EQ(must(rig.get(bucket, key)), large) << key;
    std::size_t told = 0;
    for (bool current = false; !current;) {
        const JournalPage page = must(journal.next(1'000'000));
        current = page.current;
        told += page.lines.size();
        for (const JournalPage::Line& line : page.lines) {
            EXPECT_EQ(line.entry.operation(), meta::JOURNAL_RENAME);
            EXPECT_EQ(line.entry.has_current(), line.entry.key().starts_with("b/c/"));
        }
    }
    EXPECT_EQ(told, 10u) << "two for each";
    must(rig.reclaim());
    rig.expect_all_readable(bucket);
    for (const std::string& key : keys(bucket)) must(rig.remove(bucket, key));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty()) << "nothing is left behind";
}

TEST_P(PrefixRenames, RefuseAsRename2Does) {
    const Bucket bucket = rig.bucket();
    must(rig.put(bucket, "a/1", "1"));
    must(rig.put(bucket, "full/1", "1"));
    must(rig.put(bucket, "empty/", ""));
    must(rig.put(bucket, "no folder/", "bytes"));
    const Keys before = keys(bucket);
    EXPECT_EQ(code_of(rename(bucket, "none/", "x/")), Code::no_such_key);
    EXPECT_EQ(code_of(rename(bucket, "a/", "full/")), Code::rename_target_not_empty);
    EXPECT_EQ(code_of(rename(bucket, "a/", "no folder/")), Code::rename_target_not_empty);
    EXPECT_EQ(code_of(rename(bucket, "a/", "a/")), Code::invalid_request);
    EXPECT_EQ(code_of(rename(bucket, "a/", "a/b/")), Code::invalid_request);
    EXPECT_EQ(code_of(rename(bucket, "a/", std::string(1023, 'x') + "/")), Code::key_too_long);
    must(rig.put(bucket, "up/down/1", "1"));
    EXPECT_EQ(code_of(rename(bucket, "up/down/", "up/")), Code::rename_target_not_empty);
    must(rig.remove(bucket, "up/down/1"));
    EXPECT_EQ(keys(bucket), before) << "nothing changed";
    EXPECT_EQ(must(rename(bucket, "a/", "empty/")), 1u) << "an empty folder is replaced";
    EXPECT_EQ(keys(bucket), (Keys{"empty/", "empty/1", "full/1", "no folder/"}));
    EXPECT_EQ(must(rename(bucket, "empty/", "a/")), 2u);
    must(rig.put(bucket, "a2/", ""));
    EXPECT_EQ(must(rename(bucket, "a/", "a2/")), 2u) << "though both have their own name";
    EXPECT_EQ(keys(bucket), (Keys{"a2/", "a2/1", "full/1", "no folder/"}));
}

TEST_P(PrefixRenames, ChangeNothingPastTheBoundOfABatch) {
    Context context = rig.context();
    Limits limits = context.limits;
    limits.batch_rows_max = 100;
    const Context bounded{.kv = context.kv,
                          .blobs = context.blobs,
                          .clock = context.clock,
                          .log = context.log,
                          .limits = limits,
                          .settings = context.settings,
                          .source = context.source};
    for (const meta::Versioning mode : {meta::VERSIONING_UNSET, meta::VERSIONING_ENABLED}) {
        const Bucket bucket = rig.bucket(mode == meta::VERSIONING_UNSET ? "plain" : "kept", mode);
        ObjectStore store(bounded);
        std::size_t renamed = 0;
        for (std::size_t count = 1;; ++count) {
            must(rig.put(bucket, "a/" + std::to_string(count), content(count, 20'000)));
            const Keys before = keys(bucket);
            const Result<std::size_t> done =
                store.rename_prefix(bucket, {.source_prefix = "a/", .prefix = "b/"});
            if (!done) {
                EXPECT_EQ(code_of(done), Code::rename_too_large);
                EXPECT_EQ(keys(bucket), before);
                break;
            }
            EXPECT_EQ(*done, renamed = count);
            must(store.rename_prefix(bucket, {.source_prefix = "b/", .prefix = "a/"}));
        }
        EXPECT_GT(renamed, 3u);
        EXPECT_LT(renamed, 13u);
        must(rig.reclaim());
        rig.expect_all_readable(bucket);
    }
    limits.batch_rows_max = 32'768;
    limits.batch_bytes_max = 50'000;
    const Bucket bucket = rig.bucket("bytes");
    ObjectStore store(bounded);
    for (int i = 0; i < 5; ++i) must(rig.put(bucket, "a/" + std::to_string(i), content(1, 15'000)));
    EXPECT_EQ(code_of(store.rename_prefix(bucket, {.source_prefix = "a/", .prefix = "b/"})),
              Code::rename_too_large);
    must(rig.remove(bucket, "a/0"));
    must(rig.remove(bucket, "a/1"));
    EXPECT_EQ(must(store.rename_prefix(bucket, {.source_prefix = "a/", .prefix = "b/"})), 3u);
}

TEST_P(PrefixRenames, KeepOldVersionsBehindDeleteMarkers) {
    const Bucket bucket = rig.bucket("kept", meta::VERSIONING_ENABLED);
    const std::string large = content(3, 100'000);
    const meta::ObjectRecord first = must(rig.put(bucket, "a/large", large));
    must(rig.put(bucket, "a/small", "old"));
    const meta::ObjectRecord second = must(rig.put(bucket, "a/small", "new"));
    must(rig.put(bucket, "b/small", "gone"));
    must(rig.remove(bucket, "b/small"));
    EXPECT_EQ(must(rename(bucket, "a/", "b/")), 2u) << "what is deleted is not in the way";
    EXPECT_EQ(keys(bucket), (Keys{"b/large", "b/small"}));
    EXPECT_EQ(must(rig.get(bucket, "b/large")), large);
    EXPECT_EQ(must(rig.get(bucket, "b/small")), "new");
    EXPECT_EQ(must(rig.get(bucket, "a/large", meta::parse_version_id(meta::version_id(first)))),
              large);
    EXPECT_EQ(must(rig.get(bucket, "a/small", meta::parse_version_id(meta::version_id(second)))),
              "new");
    const meta::VersionsListing versions = must(rig.store().list_versions(bucket, {}));
    EXPECT_EQ(versions.versions.size(), 9u);
    must(rig.reclaim());
    rig.expect_all_readable(bucket);
    for (const meta::ListedVersion& version : versions.versions)
        must(rig.remove(bucket, version.key,
                        meta::parse_version_id(meta::version_id(version.record))));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_TRUE(rig.rows_left(bucket.partition).empty());
}

// A folder goes to and fro among writers of its keys. Whoever looks at the journal sees every key
// of the folder move together: what was put before is never left, nor met by what was there.
TEST_P(PrefixRenames, LeaveNoKeyBehindWhoeverWrites) {
    const std::uint64_t seed = test_seed();
    const Bucket bucket = rig.bucket();
    must(rig.put(bucket, "a/first", "1"));
    const kv::Sequence begin = must(rig.kv().last_sequence(bucket.partition));
    constexpr int renames_wanted = 20;
    std::atomic<int> renames = 0;
    std::vector<std::thread> threads;
    for (int writer = 0; writer < 3; ++writer) {
        threads.emplace_back([&, writer] {
            std::mt19937_64 random(seed + static_cast<std::uint64_t>(writer));
            while (renames < renames_wanted) {
                const bool in_a =
                    must(rig.store().list(
                             bucket,
                             {.prefix = "a/first", .delimiter = "", .after = "", .keys_max = 1}))
                        .objects.size() == 1;
                const std::string here = in_a ? "a/" : "b/", there = in_a ? "b/" : "a/";
                const std::string name = std::to_string(random() % 4);
                // By now the folder may be the other: then this is in the next rename's way.
                if (random() % 3 > 0) {
                    must(rig.put(bucket, here + name, name));
                } else if (random() % 2 == 0) {
                    must(rig.remove(bucket, here + name));
                } else {
                    for (int each = 0; each < 4; ++each)
                        must(rig.remove(bucket, there + std::to_string(each)));
                }
            }
        });
    }
    while (renames < renames_wanted) {
        for (const auto& [from, to] : {std::pair("a/", "b/"), std::pair("b/", "a/")}) {
            const Result<std::size_t> done = rename(bucket, from, to);
            renames += done ? 1 : 0;
            // A conflict: the writers came in between each time that it tried.
            if (!done)
                EXPECT_TRUE(code_of(done) == Code::rename_target_not_empty ||
                            code_of(done) == Code::no_such_key || code_of(done) == Code::conflict)
                    << done.error().describe();
        }
    }
    for (std::thread& thread : threads) thread.join();

    const std::set<std::string> there = follow_renames(bucket, begin);
    const Keys listed = keys(bucket);
    EXPECT_EQ(there, std::set<std::string>(listed.begin(), listed.end()));
    rig.expect_all_readable(bucket);
}

INSTANTIATE_TEST_SUITE_P(Engines, PrefixRenames,
                         testing::Values(Rig::Kind::memory, Rig::Kind::embedded), kind_name);

}  // namespace
}  // namespace weir::store
