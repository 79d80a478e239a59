// What a bucket keeps of its keys: random operations against a model of one list of versions a key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "meta/keys.h"
#include "meta/records.h"
#include "meta/version.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

struct ModelVersion {
    std::string id;
    bool marker = false;
    std::string bytes;
};

// As S3's documents describe versioning, and nothing of how it is stored.
class Model {
  public:
    meta::Versioning versioning = meta::VERSIONING_UNSET;
    std::map<std::string, std::vector<ModelVersion>> keys;  // newest first

    void put(const std::string& key, const std::string& id, bool marker, std::string bytes) {
        std::vector<ModelVersion>& versions = keys[key];
        if (versioning != meta::VERSIONING_ENABLED)
            std::erase_if(versions, [](const ModelVersion& v) { return v.id == "null"; });
        versions.insert(versions.begin(), {id, marker, std::move(bytes)});
    }
    void remove(const std::string& key, const std::string& id) {
        std::erase_if(keys[key], [&](const ModelVersion& v) { return v.id == id; });
    }
    const ModelVersion* current(const std::string& key) {
        const auto& versions = keys[key];
        return versions.empty() || versions.front().marker ? nullptr : &versions.front();
    }
};

class RandomHistory {
  public:
    RandomHistory(Rig& rig, std::uint64_t seed) : rig_(rig), random_(seed) {
        bucket_ = rig_.bucket();
    }

    void step() {
        // The clock stands still and jumps back now and then: versions are ordered all the same.
        if (random_() % 3 == 0) rig_.clock().set(rig_.clock().now() + random_() % 3000 - 1000);
        const std::string key = random_key();
        switch (random_() % 12) {
            case 0:
                set_versioning();
                break;
            case 1:
            case 2:
            case 3:
            case 4:
                put(key);
                break;
            case 5:
            case 6:
                remove(key);
                break;
            case 7:
                copy(key, random_key());
                break;
            case 8:
                rename(key, random_key());
                break;
            default:
                remove_version(key);
        }
    }

    void check() {
        check_listing();
        check_versions();
        for (const auto& [key, versions] : model_.keys) {
            const ModelVersion* current = model_.current(key);
            const Result<std::string> got = rig_.get(bucket_, key);
            ASSERT_EQ(got.has_value(), current != nullptr) << key;
            if (current != nullptr) {
                ASSERT_EQ(*got, current->bytes);
            }
            for (const ModelVersion& version : versions) {
                if (version.marker) continue;
                const Result<std::string> old =
                    rig_.get(bucket_, key, meta::parse_version_id(version.id));
                ASSERT_TRUE(old) << key << " " << version.id << old.error().describe();
                ASSERT_EQ(*old, version.bytes);
            }
        }
    }

    void check_journal() {
        std::map<std::string, meta::JournalEntry::Current> folded;
        std::int64_t bytes = 0, versions = 0;
        for (const kv::Row& row : rig_.rows(bucket_.partition, kv::journal_prefix)) {
            const meta::JournalEntry entry = must(meta::decode<meta::JournalEntry>(row.value));
            if (entry.operation() == meta::JOURNAL_BUCKET) continue;
            bytes += entry.bytes_delta();
            versions += entry.versions_delta();
            if (entry.has_current()) {
                folded[entry.key()] = entry.current();
            } else {
                folded.erase(entry.key());
            }
        }
        const meta::Listing listing = must(rig_.store().list(bucket_, {}));
        ASSERT_EQ(listing.objects.size(), folded.size());
        for (const meta::ListedObject& object : listing.objects) {
            ASSERT_TRUE(folded.contains(object.key));
            const meta::JournalEntry::Current& current = folded[object.key];
            EXPECT_TRUE(meta::same_version(current.version(), object.record.version()));
            EXPECT_EQ(current.size_bytes(), object.record.size_bytes());
            EXPECT_EQ(current.etag(), object.record.etag());
            EXPECT_EQ(current.last_modified_nanos(), object.record.last_modified_nanos());
        }
        std::int64_t model_bytes = 0, model_versions = 0;
        for (const auto& [key, all] : model_.keys) {
            for (const ModelVersion& version : all) {
                model_bytes += static_cast<std::int64_t>(version.bytes.size());
                ++model_versions;
            }
        }
        EXPECT_EQ(bytes, model_bytes);
        EXPECT_EQ(versions, model_versions);
    }

    void remove_everything() {
        for (auto& [key, versions] : model_.keys) {
            std::ranges::shuffle(versions, random_);
            for (const ModelVersion& version : versions)
                must(rig_.remove(bucket_, key, meta::parse_version_id(version.id)));
            versions.clear();
        }
    }

    const Bucket& bucket() const { return bucket_; }

  private:
    std::string random_key() {
        static const std::vector<std::string> keys{"a", "a/b", std::string("a\0b", 3),
                                                   std::string("a\0", 2), "a\xc3\xbf"};
        return keys[random_() % keys.size()];
    }

    void set_versioning() {
        model_.versioning =
            random_() % 2 == 0 ? meta::VERSIONING_ENABLED : meta::VERSIONING_SUSPENDED;
        must(rig_.store().set_versioning(bucket_, model_.versioning));
    }

    void expect_id(const meta::ObjectRecord& record) {
        EXPECT_EQ(record.null_version(), model_.versioning != meta::VERSIONING_ENABLED);
    }

    void put(const std::string& key) {
        // Empty, a row, or a blob.
        const std::size_t size = random_() % 3 * (random_() % 20'000);
        const std::string bytes = content(random_(), size);
        const meta::ObjectRecord record = must(rig_.put(bucket_, key, bytes));
        expect_id(record);
        model_.put(key, meta::version_id(record), false, bytes);
    }

    void remove(const std::string& key) {
        const KeyChange::Removed removed = must(rig_.remove(bucket_, key));
        if (model_.versioning == meta::VERSIONING_UNSET) {
            EXPECT_EQ(removed.found, model_.current(key) != nullptr);
            model_.remove(key, "null");
        } else {
            EXPECT_TRUE(removed.delete_marker);
            model_.put(key, removed.version_id, true, "");
        }
    }

    void remove_version(const std::string& key) {
        const auto& versions = model_.keys[key];
        if (versions.empty()) return;
        const ModelVersion version = versions[random_() % versions.size()];
        const KeyChange::Removed removed =
            must(rig_.remove(bucket_, key, meta::parse_version_id(version.id)));
        EXPECT_TRUE(removed.found);
        EXPECT_EQ(removed.delete_marker, version.marker);
        EXPECT_EQ(removed.version_id, version.id);
        model_.remove(key, version.id);
    }

    void copy(const std::string& from, const std::string& to) {
        const Result<CopyResult> copied = rig_.copy(bucket_, from, bucket_, to);
        const ModelVersion* source = model_.current(from);
        ASSERT_EQ(copied.has_value(), source != nullptr);
        if (source == nullptr) return;
        expect_id(copied->record);
        model_.put(to, meta::version_id(copied->record), false, std::string(source->bytes));
    }

    void rename(const std::string& from, const std::string& to) {
        const Result<meta::ObjectRecord> renamed = rig_.store().rename(
            bucket_,
            {.source_key = from, .key = to, .source_precondition = {}, .precondition = {}});
        const ModelVersion* source = model_.current(from);
        ASSERT_EQ(renamed.has_value(), source != nullptr && from != to);
        if (!renamed) return;
        model_.put(to, meta::version_id(*renamed), false, std::string(source->bytes));
        if (model_.versioning == meta::VERSIONING_UNSET) {
            model_.remove(from, "null");
            return;
        }
        const Found marker = must(rig_.store().find(bucket_, from, std::nullopt));
        ASSERT_TRUE(marker.record.delete_marker());
        model_.put(from, meta::version_id(marker.record), true, "");
    }

    void check_listing() {
        std::vector<std::string> expected, listed;
        for (const auto& [key, versions] : model_.keys)
            if (model_.current(key) != nullptr) expected.push_back(key);
        const meta::Listing listing = must(rig_.store().list(bucket_, {}));
        for (const meta::ListedObject& object : listing.objects) listed.push_back(object.key);
        ASSERT_EQ(listed, expected);
    }

    void check_versions() {
        using Row = std::tuple<std::string, std::string, bool, bool>;
        std::vector<Row> expected, listed;
        for (const auto& [key, versions] : model_.keys)
            for (const ModelVersion& version : versions)
                expected.emplace_back(key, version.id, version.marker,
                                      &version == &versions.front());
        meta::VersionsQuery query;
        query.keys_max = 1 + random_() % 5;
        for (bool more = true; more;) {
            const meta::VersionsListing page = must(rig_.store().list_versions(bucket_, query));
            for (const meta::ListedVersion& version : page.versions)
                listed.emplace_back(version.key, meta::version_id(version.record),
                                    version.record.delete_marker(), version.latest);
            more = page.truncated;
            query.key_marker = page.next_key_marker;
            query.version_id_marker = page.next_version_id_marker;
        }
        ASSERT_EQ(listed, expected);
    }

    Rig& rig_;
    std::mt19937_64 random_;
    Bucket bucket_;
    Model model_;
};

class Versions : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(, Versions, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Versions, FollowTheModelAndTheJournalFollowsThem) {
    const std::uint64_t seed = test_seed();
    const int rounds = GetParam() == Rig::Kind::memory ? 20 : 2;
    for (int round = 0; round < rounds; ++round) {
        Rig fresh(GetParam());
        RandomHistory history(fresh, seed + static_cast<std::uint64_t>(round));
        SCOPED_TRACE(seed + static_cast<std::uint64_t>(round));
        for (int step = 0; step < 150; ++step) {
            history.step();
            history.check();
            if (HasFailure()) return;
            if (step % 50 == 0) must(fresh.reclaim());
        }
        history.check_journal();
        history.remove_everything();
        history.check();
        must(fresh.reclaim());
        EXPECT_TRUE(fresh.all_blobs().empty());
        EXPECT_THAT(fresh.rows_left(history.bucket().partition), ::testing::IsEmpty());
    }
}

TEST_P(Versions, ANullVersionSurvivesEnablingAndIsReplacedWhileSuspended) {
    const Bucket bucket = rig.bucket();
    const meta::VersionName null{.null = true, .version = {}};
    must(rig.put(bucket, "k", "before"));
    must(rig.store().set_versioning(bucket, meta::VERSIONING_ENABLED));
    const meta::ObjectRecord second = must(rig.put(bucket, "k", "enabled"));
    EXPECT_FALSE(second.null_version());
    EXPECT_EQ(must(rig.get(bucket, "k", null)), "before");
    must(rig.store().set_versioning(bucket, meta::VERSIONING_SUSPENDED));
    must(rig.put(bucket, "k", "suspended"));
    EXPECT_EQ(must(rig.get(bucket, "k", null)), "suspended");
    EXPECT_EQ(must(rig.get(bucket, "k", meta::parse_version_id(meta::version_id(second)))),
              "enabled");
    const KeyChange::Removed removed = must(rig.remove(bucket, "k"));
    EXPECT_EQ(removed.version_id, "null");
    EXPECT_EQ(code_of(rig.get(bucket, "k")), Code::no_such_key);
    must(rig.remove(bucket, "k", null));
    EXPECT_EQ(must(rig.get(bucket, "k")), "enabled");
    EXPECT_EQ(code_of(rig.store().find(bucket, "k", null)), Code::no_such_version);
}

// DeleteObjects may name a key more than once: as if the entries came one after the other.
TEST_P(Versions, OfAKeyThatIsNamedTwiceAreRemovedInOrder) {
    const Bucket bucket = rig.bucket("weights", meta::VERSIONING_ENABLED);
    const meta::ObjectRecord first = must(rig.put(bucket, "k", "1")),
                             second = must(rig.put(bucket, "k", "2"));
    must(rig.store().set_versioning(bucket, meta::VERSIONING_SUSPENDED));
    must(rig.remove(bucket, "k"));
    const auto name = [](const meta::ObjectRecord& record) {
        return meta::parse_version_id(meta::version_id(record));
    };
    const auto outcomes =
        rig.store().remove_many(bucket, {{.key = "k", .version = name(second), .precondition = {}},
                                         {.key = "k",
                                          .version = meta::VersionName{.null = true, .version = {}},
                                          .precondition = {}},
                                         {.key = "k", .version = {}, .precondition = {}}});
    for (const auto& outcome : outcomes) EXPECT_TRUE(outcome && outcome->found);
    const meta::VersionsListing left = must(rig.store().list_versions(bucket, {}));
    ASSERT_EQ(left.versions.size(), 2u);
    EXPECT_TRUE(left.versions[0].record.delete_marker() && left.versions[0].latest);
    EXPECT_EQ(meta::version_id(left.versions[1].record), meta::version_id(first));
}

// More keys and versions than one look at the engine takes, and writers meanwhile: what was there
// all the time is listed once, and each key has one latest version.
TEST_P(Versions, OfAListingAreOnesThatExistedTogether) {
    constexpr std::uint64_t keys = 300, older = 3;
    const std::uint64_t seed = test_seed();
    const Bucket bucket = rig.bucket("weights", meta::VERSIONING_ENABLED);
    const auto name = [](std::uint64_t n) { return "k" + std::to_string(n); };
    std::set<std::pair<std::string, std::string>> lasting;
    for (std::uint64_t n = 0; n < keys; ++n)
        for (std::uint64_t version = 0; version < older; ++version)
            lasting.emplace(name(n), meta::version_id(must(rig.put(bucket, name(n), "1"))));
    const std::jthread writer([&](const std::stop_token& stop) {
        std::mt19937_64 random(seed);
        std::deque<std::pair<std::string, std::string>> passing;  // key, version
        for (std::uint64_t n = 0; !stop.stop_requested(); n = (n + 1) % keys) {
            passing.emplace_back(name(n), meta::version_id(must(rig.put(bucket, name(n), "2"))));
            const std::string other = name(random() % keys);
            passing.emplace_back(other, must(rig.remove(bucket, other)).version_id);
            while (passing.size() > keys) {
                const auto& [key, version] = passing.front();
                must(rig.remove(bucket, key, meta::parse_version_id(version)));
                passing.pop_front();
            }
        }
    });
    for (int round = 0; round < 20; ++round) {
        std::set<std::pair<std::string, std::string>> missing = lasting, seen;
        std::map<std::string, int> latest;
        meta::VersionsQuery query;
        query.keys_max = 10 * keys;
        const meta::VersionsListing listing = must(rig.store().list_versions(bucket, query));
        ASSERT_FALSE(listing.truncated);
        for (const meta::ListedVersion& listed : listing.versions) {
            const std::pair version{listed.key, meta::version_id(listed.record)};
            EXPECT_TRUE(seen.insert(version).second) << listed.key << " twice";
            missing.erase(version);
            latest[listed.key] += listed.latest;
        }
        EXPECT_THAT(missing, ::testing::IsEmpty());
        ASSERT_EQ(latest.size(), keys);
        for (const auto& [key, count] : latest) EXPECT_EQ(count, 1) << key;
        if (HasFailure()) break;
    }
}

}  // namespace
}  // namespace weir::store
