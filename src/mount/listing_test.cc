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
    std::vector<std::string> read_all() {
        std::vector<std::string> told;
        FolderReading reading;
        while (true) {
            const Result<Tree::Page> next = page(reading, told.empty() ? "" : told.back());
            EXPECT_TRUE(next);
            if (!next) return told;
            for (const NodeInfo& node : next->nodes) told.push_back(node.place());
            if (next->last) return told;
        }
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

TEST_F(LongFolderTest, IsToldPageByPageAndKnownWholeInTheEnd) {
    EXPECT_EQ(read_all(), places);
    EXPECT_TRUE(known_whole());
}

TEST_F(LongFolderTest, IsListedOnThoughNobodyReadsOn) {
    FolderReading reading;
    ASSERT_TRUE(page(reading));
    while (!known_whole()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    put("0000a");
    // All that one reading is told is of one listing.
    EXPECT_EQ(page(reading)->nodes.at(1).name, "0001");
    EXPECT_EQ(page(reading)->nodes.size(), 2500U);
}

TEST_F(LongFolderTest, WhatWasKnownWholeBeforeDoesNotCountForWhoReadsAnew) {
    EXPECT_EQ(read_all(), places);
    for (const char* key : {"0000a", "1500a", "2499a"}) put(key);
    EXPECT_TRUE(rig.client().delete_object(
        {.bucket = store.bucket, .key = "2200", .version_id = {}, .if_match = {}}));
    std::vector<std::string> now = places;
    now.insert(now.end(), {"0000a", "1500a", "2499a"});
    std::erase(now, "2200");
    std::ranges::sort(now);
    EXPECT_EQ(read_all(), now);
}

TEST_F(LongFolderTest, IsListedAnewWhenSomeOfItIsForgottenMeanwhile) {
    for (int i = 0; i < 20; ++i) {
        FolderReading reading;
        const Result<Tree::Page> first = page(reading);
        ASSERT_TRUE(first);
        large.distrust(first->nodes.front().id);
        const Result<Tree::Page> next = page(reading, "0500");
        ASSERT_TRUE(next) << next.error().describe();
        EXPECT_EQ(next->nodes.front().name, "0501");
    }
}

TEST_F(LongFolderTest, WhoWantsSoManyNamesGetsThemWhileItIsListed) {
    const Asking asking(large);
    const auto id = large.begin_gathering(root_node, asking.asked(), freshness.now()).value();
    ASSERT_TRUE(large.gather(root_node, id, {.children = {Child{.name = "0000"}}}));
    EXPECT_EQ(long_listing.some(root_node, "", 3, {})->nodes.size(), 3U);
}

TEST_F(LongFolderTest, WhoIsInterruptedLeavesItToOthers) {
    net::Interrupt interrupt;
    interrupt.interrupt();
    FolderReading reading;
    EXPECT_EQ(page(reading, "", {.interrupt = &interrupt}).error().code(), Code::cancelled);
    EXPECT_TRUE(page(reading));
}

TEST_F(LongFolderTest, AfterStopItIsListedToItsEndByWhoReads) {
    long_listing.stop();
    FolderReading reading;
    EXPECT_EQ(page(reading)->nodes.size(), 2500U);
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
