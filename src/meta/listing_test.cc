#include "meta/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "kv/memory/engine.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "meta/version.h"

namespace weir::meta {
namespace {

const kv::PartitionId partition{2000};

std::uint64_t test_seed() {
    const char* given = std::getenv("WEIR_TEST_SEED");
    const std::uint64_t seed =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "WEIR_TEST_SEED=" << seed << std::endl;
    return seed;
}

// One line of a listing, whatever it lists: a key (with a version id), or a common prefix.
struct Line {
    std::string key;
    std::string version_id;
    bool prefix = false;
    bool latest = false;
    auto operator<=>(const Line&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Line& line) {
    return out << ::testing::PrintToString(line.key) << (line.prefix ? " (prefix)" : "") << ' '
               << line.version_id << (line.latest ? " latest" : "");
}

// All lines in order, as the S3 reference describes them, the slow way.
std::vector<Line> naive(const std::vector<Line>& sorted, const std::string& prefix,
                        const std::string& delimiter) {
    std::vector<Line> lines;
    for (const Line& line : sorted) {
        if (!line.key.starts_with(prefix)) continue;
        const std::size_t at =
            delimiter.empty() ? std::string::npos : line.key.find(delimiter, prefix.size());
        if (at == std::string::npos) {
            lines.push_back(line);
            continue;
        }
        Line rolled{
            .key = line.key.substr(0, at + delimiter.size()), .version_id = {}, .prefix = true};
        if (lines.empty() || lines.back() != rolled) lines.push_back(std::move(rolled));
    }
    return lines;
}

class Listings : public ::testing::Test {
  protected:
    void SetUp() override {
        seed_ = test_seed();
        random_.seed(seed_);
    }
    std::string random_string(std::uint64_t length_max) {
        constexpr std::string_view alphabet("\x00\x01\xff/-ab", 7);
        std::string text;
        for (std::uint64_t n = random_() % (length_max + 1); n > 0; --n)
            text.push_back(alphabet[random_() % alphabet.size()]);
        return text;
    }
    std::string random_delimiter() {
        static const std::vector<std::string> delimiters{
            "", "/", "--", "a", "\xff", std::string("\0", 1), "/a"};
        return delimiters[random_() % delimiters.size()];
    }
    void put(kv::Engine& engine, std::string row, const ObjectRecord& record) {
        kv::Batch batch;
        batch.put(std::move(row), encode(record));
        ASSERT_TRUE(kv::commit_and_wait(engine, partition, std::move(batch)));
    }
    // Rows of other kinds, on either side of those that are listed.
    void put_strangers(kv::Engine& engine) {
        for (const char* row : {"e", "n", "p", "s", "u", "w"}) put(engine, row, {});
    }

    std::uint64_t seed_ = 0;
    std::mt19937_64 random_;
};

std::vector<Line> lines_of(const Listing& page) {
    std::vector<Line> lines;
    for (const ListedObject& object : page.objects)
        lines.push_back({.key = object.key, .version_id = {}});
    for (const std::string& prefix : page.common_prefixes)
        lines.push_back({.key = prefix, .version_id = {}, .prefix = true});
    std::ranges::sort(lines);
    return lines;
}

TEST_F(Listings, OfObjectsAreTheModelsInPagesOfAnySize) {
    for (int round = 0; round < 300; ++round) {
        SCOPED_TRACE(testing::Message() << "seed " << seed_ << " round " << round);
        kv::memory::Engine engine({.seed = random_()});
        ASSERT_TRUE(engine.create_partition(partition));
        put_strangers(engine);
        std::set<std::string> keys;
        for (std::uint64_t n = random_() % 60; n > 0; --n) {
            std::string key = random_string(6);
            if (!key.empty()) keys.insert(std::move(key));
        }
        std::vector<Line> sorted;
        for (const std::string& key : keys) {
            put(engine, current_row(key), {});
            put(engine, marker_row(key + "gone"), {});
            sorted.push_back({.key = key, .version_id = {}});
        }
        for (int query_round = 0; query_round < 10; ++query_round) {
            ListQuery query{.prefix = random_string(2),
                            .delimiter = random_delimiter(),
                            .after = {},
                            .keys_max = 1 + random_() % 5};
            const std::vector<Line> expected = naive(sorted, query.prefix, query.delimiter);
            std::vector<Line> listed;
            for (bool more = true; more;) {
                const Result<Listing> page = list_objects(engine, partition, query);
                ASSERT_TRUE(page) << page.error().describe();
                const std::vector<Line> lines = lines_of(*page);
                ASSERT_LE(lines.size(), query.keys_max);
                ASSERT_TRUE(!page->truncated || lines.size() == query.keys_max);
                ASSERT_EQ(page->truncated, !page->next_after.empty());
                listed.insert(listed.end(), lines.begin(), lines.end());
                query.after = page->next_after;
                more = page->truncated;
                ASSERT_LE(listed.size(), expected.size());
            }
            ASSERT_EQ(listed, expected)
                << "prefix " << ::testing::PrintToString(query.prefix) << " delimiter "
                << ::testing::PrintToString(query.delimiter);
        }
    }
}

TEST_F(Listings, OfObjectsStartAfterAnyString) {
    for (int round = 0; round < 300; ++round) {
        SCOPED_TRACE(testing::Message() << "seed " << seed_ << " round " << round);
        kv::memory::Engine engine({.seed = random_()});
        ASSERT_TRUE(engine.create_partition(partition));
        std::set<std::string> keys;
        for (int n = 0; n < 30; ++n) keys.insert("k" + random_string(4));
        for (const std::string& key : keys) put(engine, current_row(key), {});
        const ListQuery query{.prefix = random_() % 2 == 0 ? "" : "k" + random_string(1),
                              .delimiter = random_delimiter(),
                              .after = "k" + random_string(3),
                              .keys_max = 1000};
        // Keys after the mark, rolled up; all of a common prefix that is the mark lies before it.
        std::vector<Line> sorted;
        const bool mark_is_prefix =
            common_prefix(query.after, query.prefix, query.delimiter) == query.after;
        for (const std::string& key : keys)
            if (key > query.after && !(mark_is_prefix && key.starts_with(query.after)))
                sorted.push_back({.key = key, .version_id = {}});
        const Result<Listing> page = list_objects(engine, partition, query);
        ASSERT_TRUE(page);
        ASSERT_FALSE(page->truncated);
        ASSERT_EQ(lines_of(*page), naive(sorted, query.prefix, query.delimiter));
    }
}

TEST_F(Listings, OfVersionsAreTheModelsInPagesOfAnySize) {
    for (int round = 0; round < 200; ++round) {
        SCOPED_TRACE(testing::Message() << "seed " << seed_ << " round " << round);
        kv::memory::Engine engine({.seed = random_()});
        ASSERT_TRUE(engine.create_partition(partition));
        put_strangers(engine);
        std::map<std::string, std::uint64_t> counts;
        for (std::uint64_t n = random_() % 30; n > 0; --n) {
            std::string key = random_string(5);
            if (!key.empty()) counts.emplace(std::move(key), 1 + random_() % 4);
        }
        std::vector<Line> sorted;
        for (const auto& [key, count] : counts) {
            const std::uint64_t null_at = random_() % (count + 1);
            for (std::uint64_t n = 0; n < count; ++n) {
                ObjectRecord record;
                record.mutable_version()->set_time_nanos(1000 - n);
                record.set_null_version(n == null_at);
                record.set_delete_marker(random_() % 2 == 0);
                std::string row = record.delete_marker() ? marker_row(key) : current_row(key);
                if (n > 0) row = version_row(key, record.version());
                put(engine, std::move(row), record);
                sorted.push_back({.key = key, .version_id = version_id(record), .latest = n == 0});
            }
        }
        for (int query_round = 0; query_round < 10; ++query_round) {
            VersionsQuery query{.prefix = random_string(2),
                                .delimiter = random_delimiter(),
                                .key_marker = {},
                                .version_id_marker = {},
                                .keys_max = 1 + random_() % 5};
            const std::vector<Line> expected = naive(sorted, query.prefix, query.delimiter);
            std::vector<Line> listed, prefixes;
            for (bool more = true; more;) {
                const Result<VersionsListing> page = list_versions(engine, partition, query);
                ASSERT_TRUE(page) << page.error().describe();
                ASSERT_LE(page->versions.size() + page->common_prefixes.size(), query.keys_max);
                for (const ListedVersion& version : page->versions)
                    listed.push_back({.key = version.key,
                                      .version_id = version_id(version.record),
                                      .latest = version.latest});
                for (const std::string& prefix : page->common_prefixes)
                    prefixes.push_back({.key = prefix, .version_id = {}, .prefix = true});
                query.key_marker = page->next_key_marker;
                query.version_id_marker = page->next_version_id_marker;
                more = page->truncated;
                ASSERT_LE(listed.size() + prefixes.size(), expected.size());
            }
            std::vector<Line> expected_versions, expected_prefixes;
            for (const Line& line : expected)
                (line.prefix ? expected_prefixes : expected_versions).push_back(line);
            ASSERT_EQ(listed, expected_versions);
            ASSERT_EQ(prefixes, expected_prefixes);
        }
    }
}

TEST_F(Listings, OfNothingAndByNonsenseMarkers) {
    kv::memory::Engine engine;
    ASSERT_TRUE(engine.create_partition(partition));
    put(engine, current_row("k"), {});
    ListQuery none;
    none.keys_max = 0;
    const Result<Listing> page = list_objects(engine, partition, none);
    ASSERT_TRUE(page);
    EXPECT_TRUE(page->objects.empty());
    EXPECT_FALSE(page->truncated);
    VersionsQuery nonsense;
    nonsense.key_marker = "k";
    nonsense.version_id_marker = "nonsense";
    EXPECT_EQ(list_versions(engine, partition, nonsense).error().code(), Code::invalid_argument);
    EXPECT_EQ(list_objects(engine, kv::PartitionId(7), {}).error().code(), Code::not_found);
}

TEST(CommonPrefix, EndsWithTheFirstDelimiterAfterThePrefix) {
    EXPECT_EQ(common_prefix("a/b/c", "", "/"), "a/");
    EXPECT_EQ(common_prefix("a/b/c", "a/", "/"), "a/b/");
    EXPECT_EQ(common_prefix("a/b", "a/", "/"), std::nullopt);
    EXPECT_EQ(common_prefix("a/b", "", ""), std::nullopt);
    EXPECT_EQ(common_prefix("a--b", "", "--"), "a--");
}

TEST(AfterPrefix, IsTheFirstStringBehindAllThatStartWithIt) {
    EXPECT_EQ(after_prefix("a"), "b");
    EXPECT_EQ(after_prefix("a\xff"), "b");
    EXPECT_EQ(after_prefix("\xff\xff"), std::nullopt);
    EXPECT_EQ(after_prefix(""), std::nullopt);
}

}  // namespace
}  // namespace weir::meta
