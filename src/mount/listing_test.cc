// What pages of a listing become, and what is asked of a real store.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "mount/folder_page.h"
#include "mount/listing.h"
#include "mount/no_kernel.h"
#include "mount/store_rig.h"

namespace weir::mount {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr AttributeDefaults defaults{.uid = 1, .gid = 2};

client::ListedObject object(const std::string& key, const std::string& etag = "e") {
    return {.key = key, .bytes = 3, .etag = etag, .last_modified = nanos_per_second};
}

std::vector<std::string> names_of(std::vector<Child> children) {
    std::vector<std::string> names;
    for (const Child& child : children)
        names.push_back(child.name + (child.attributes.kind == Kind::folder ? "/" : ""));
    return names;
}

TEST(FolderNames, HidesWhatNoPathCanBe) {
    FolderNames names("a/", defaults, false);
    names.add({.objects = {object("a/"), object("a/.."), object("a/x"), object("a/both"),
                           object("a/" + std::string(256, 'n')), object("b")},
               .folders = {"a//", "a/./", "a/both/", "a/f/"}});
    EXPECT_TRUE(names.own());
    EXPECT_EQ(names.hidden().size(), 5U);
    EXPECT_THAT(names_of(names.take()), ElementsAre("both/", "f/", "x"));
}

TEST(FolderNames, KnowAttributesWhereTheStoreTellsThem) {
    client::ListedObject with = object("x");
    with.metadata = {{"mode", "33152"}};
    with.metadata_told = true;
    FolderNames names("", defaults, false);
    names.add({.objects = {with, object("y")}});
    const std::vector<Child> children = names.take();
    EXPECT_EQ(children.at(0).attributes.permissions, 0600);
    EXPECT_TRUE(children.at(0).attributes_known);
    EXPECT_FALSE(children.at(1).attributes_known);
    FolderNames not_wanted("", defaults, true);
    not_wanted.add({.objects = {object("y")}});
    EXPECT_TRUE(not_wanted.take().at(0).attributes_known);
}

TEST(FolderNames, AFolderWinsAcrossPages) {
    for (const bool folder_first : {true, false}) {
        const ListedPage file{.objects = {object("a")}}, folder{.folders = {"a/"}};
        FolderNames names("", defaults, false);
        names.add(folder_first ? folder : file);
        names.add(folder_first ? file : folder);
        EXPECT_EQ(names.hidden().size(), 1U);
        EXPECT_THAT(names_of(names.take()), ElementsAre("a/"));
    }
}

TEST(FolderNames, AFolderIsKnownToHideAFileThatWasTaken) {
    FolderNames names("", defaults, false);
    names.add({.objects = {object("a"), object("b"), object("b-"), object("b.txt")}});
    EXPECT_THAT(names_of(names.take()), ElementsAre("a", "b", "b-", "b.txt"));
    names.add({.objects = {object("b.x")}});
    EXPECT_THAT(names_of(names.take()), ElementsAre("b.x"));
    names.add({.folders = {"b/"}});
    EXPECT_THAT(names.hidden(), ElementsAre("b"));
    EXPECT_THAT(names_of(names.take()), ElementsAre("b/"));
    EXPECT_THAT(names.take(), IsEmpty());
}

TEST(FolderNames, TheFirstVersionThatIsToldCounts) {
    FolderNames names("", defaults, false);
    names.add({.objects = {object("a", "2"), object("gone", "")}, .version_ids = {"v2", ""}});
    names.add({.objects = {object("a", "1"), object("gone", "1")}, .version_ids = {"v1", "v0"}});
    const std::vector<Child> children = names.take();
    ASSERT_EQ(children.size(), 1U);
    EXPECT_EQ(children[0].version.version_id, "v2");
    EXPECT_EQ(children[0].version.etag, "2");
}

class ListingTest : public testing::Test {
  protected:
    void put(const std::string& key) { rig.put(store.bucket, key, key); }
    // Many at a time share a sync.
    void put_all(const std::vector<std::string>& keys) {
        constexpr std::size_t threads = 16;
        std::vector<std::jthread> putting;
        for (std::size_t first = 0; first < threads; ++first)
            putting.emplace_back([&, first] {
                for (std::size_t i = first; i < keys.size(); i += threads) put(keys[i]);
            });
    }
    // As readdir does, a few at a time.
    std::vector<std::string> read(NodeId folder = root_node, std::size_t names_max = 2) {
        std::vector<std::string> names;
        FolderReading reading;
        std::string after;
        while (true) {
            const auto page = listing.page(folder, after, names_max, {}, reading);
            EXPECT_TRUE(page) << page.error().describe();
            if (!page) return names;
            for (const NodeInfo& node : page->nodes) names.push_back(after = node.place());
            if (page->last) return names;
        }
    }

    StoreRig& rig = StoreRig::shared();
    Store store{.client = rig.client(), .bucket = rig.new_bucket(), .prefix = "", .as_of = {}};
    Freshness freshness{std::chrono::milliseconds(0)};
    Tree tree{{.kind = Kind::folder, .permissions = 0755}, 1000};
    NoKernel kernel;
    Listing listing{store, tree, freshness, defaults, kernel, rig.log()};
};

TEST_F(ListingTest, HiddenKeysAreCountedOnceAFolder) {
    for (const char* key : {"a//b", "a/./c", "both", "both/x"}) put(key);
    for (int i = 0; i < 3; ++i) {
        EXPECT_THAT(read(), ElementsAre("a/", "both/"));
        EXPECT_THAT(read(listing.lookup(root_node, "a", {})->id), IsEmpty());
        EXPECT_EQ(listing.hidden_keys(), 3U);
    }
    EXPECT_TRUE(rig.client().delete_object(
        {.bucket = store.bucket, .key = "both", .version_id = {}, .if_match = {}}));
    EXPECT_THAT(read(), ElementsAre("a/", "both/"));
    EXPECT_EQ(listing.hidden_keys(), 2U);
}

TEST_F(ListingTest, AFolderOfMoreNamesThanAreKeptIsReadPageByPage) {
    std::vector<std::string> places;
    for (int i = 0; i < 1100; ++i) places.push_back(fmt::format("{:04}", i));
    for (const std::string& each : places) put("f/" + each);
    // Where their places are not in the order of names, and at the ends of pages.
    for (const char* folder : {"0000/", "0003-a/", "0999a/", "1099/"}) {
        places.push_back(folder);
        put(fmt::format("f/{}x", folder));
    }
    put("f/0003-a.txt");
    places.push_back("0003-a.txt");
    std::erase(places, "0000");  // a folder hides the file of its name, on one page
    std::erase(places, "1099");
    std::ranges::sort(places);
    freshness.forget();
    const NodeId folder = listing.lookup(root_node, "f", {})->id;
    for (const std::size_t names_max : {7U, 1000U, 5000U})
        EXPECT_EQ(read(folder, names_max), places) << names_max;
    EXPECT_LE(tree.counts().nodes, 1200U);
    EXPECT_EQ(listing.lookup(folder, "0500", {})->version.bytes, 6U);
    EXPECT_EQ(listing.lookup(folder, "0500x", {}).error().code(), Code::no_such_key);
    // For one page alone nothing more is listed.
    const auto page = listing.some(folder, "0500", 3, {});
    ASSERT_EQ(page->nodes.size(), 3U);
    EXPECT_EQ(page->nodes[0].name, "0501");
    EXPECT_FALSE(page->last);
}

// Three pages, which are kept.
class LongFolderTest : public ListingTest {
  protected:
    LongFolderTest() {
        for (int i = 0; i < 2500; ++i) places.push_back(fmt::format("{:04}", i));
        put_all(places);
    }
    Result<Tree::Page> page(FolderReading& reading, std::string_view after = "",
                            const client::Call& call = {}) {
        return long_listing.page(root_node, after, 5000, call, reading);
    }
    bool known_whole() {
        return large.page(root_node, "", 1, freshness, Freshness::Clock::time_point::min())
                   .value()
                   .has_value() &&
               large.known(root_node, "none", hour).value().has_value();
    }

    std::vector<std::string> places;
    const Freshness hour{std::chrono::hours(1)};
    Tree large{{.kind = Kind::folder, .permissions = 0755}, 10'000};
    Listing long_listing{store, large, freshness, defaults, kernel, rig.log()};
};

TEST_F(LongFolderTest, IsToldAsItIsListed) {
    FolderReading reading;
    const Result<Tree::Page> first = page(reading);
    EXPECT_EQ(first->nodes.size(), 1000U);
    EXPECT_FALSE(first->last);
    EXPECT_FALSE(known_whole());
    // Who does not list on waits for more of it.
    EXPECT_EQ(page(reading, "0999")->nodes.front().name, "1000");
    EXPECT_FALSE(known_whole());
    ASSERT_TRUE(reading.rest);
    reading.rest->list({});
    EXPECT_TRUE(known_whole());
    const Result<Tree::Page> rest = page(reading, "0999");
    EXPECT_EQ(rest->nodes.size(), 1500U);
    EXPECT_TRUE(rest->last);
}

TEST_F(LongFolderTest, IsListedOnceForAllWhoReadIt) {
    FolderReading reading, another;
    ASSERT_TRUE(page(reading));
    const auto since = reading.since;
    EXPECT_TRUE(page(another));
    EXPECT_EQ(another.since, since);
    EXPECT_FALSE(another.rest);
    reading.rest.reset();
    // Somebody has to.
    EXPECT_EQ(page(another, "0999")->nodes.size(), 1000U);
    EXPECT_TRUE(another.rest);
    EXPECT_EQ(page(another, "1999")->nodes.size(), 500U);
}

TEST_F(LongFolderTest, IsForgottenWithTheLastWhoReadsIt) {
    {
        FolderReading reading;
        ASSERT_TRUE(page(reading));
    }
    put("0000a");
    EXPECT_EQ(large.known(root_node, "0001", hour).value()->node->name, "0001");
    FolderReading reading;
    EXPECT_EQ(page(reading)->nodes.at(1).name, "0000a");
}

TEST_F(LongFolderTest, WhoIsInterruptedLeavesItToOthers) {
    net::Interrupt interrupt;
    FolderReading reading, another;
    ASSERT_TRUE(page(reading));
    ASSERT_TRUE(page(another));
    interrupt.interrupt();
    EXPECT_EQ(page(reading, "0999", {.interrupt = &interrupt}).error().code(), Code::cancelled);
    EXPECT_EQ(page(another, "0999")->nodes.size(), 1000U);
}

TEST_F(LongFolderTest, WhereTooManyListOnItIsListedToItsEnd) {
    std::vector<FolderReading> readings(4);
    for (std::size_t i = 0; i < readings.size(); ++i) {
        const std::string name = fmt::format("f{}", i);
        std::vector<std::string> keys;
        for (int k = 0; k < 1001; ++k) keys.push_back(fmt::format("{}/{:04}", name, k));
        put_all(keys);
        const NodeId folder = long_listing.lookup(root_node, name, {})->id;
        ASSERT_TRUE(long_listing.page(folder, "", 1, {}, readings[i]));
        EXPECT_TRUE(readings[i].rest) << i;
    }
    FolderReading reading;
    EXPECT_EQ(page(reading)->nodes.size(), 2504U);
    EXPECT_FALSE(reading.rest);
}

TEST_F(ListingTest, WhoAsksIsAnsweredHoweverShortItsTimeToLive) {
    for (const char* key : {"a", "b", "c", "d/e", "d/f"}) put(key);
    EXPECT_THAT(read(), ElementsAre("a", "b", "c", "d/"));
    EXPECT_EQ(listing.lookup(root_node, "b", {})->version.bytes, 1U);
    EXPECT_EQ(listing.lookup(root_node, "e", {}).error().code(), Code::no_such_key);
    // All pages of one reading are of one listing.
    FolderReading reading;
    EXPECT_EQ(listing.page(root_node, "", 1, {}, reading)->nodes.at(0).name, "a");
    const auto since = reading.since;
    put("bb");
    EXPECT_EQ(listing.page(root_node, "b", 1, {}, reading)->nodes.at(0).name, "c");
    EXPECT_EQ(reading.since, since);
    EXPECT_THAT(read(), ElementsAre("a", "b", "bb", "c", "d/"));
}

}  // namespace
}  // namespace weir::mount
