// Attributes that listings do not tell: a real Weir's of a moment, which are asked for by HEAD.
#include "mount/attributes_ahead.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "mount/fault_proxy.h"
#include "mount/no_kernel.h"
#include "mount/store_rig.h"
#include "mount/tree_rig.h"

namespace weir::mount {
namespace {

constexpr UnixNanos far_off = 4'000'000'000 * nanos_per_second;

std::string name_of(int i) { return fmt::format("{:04}", i); }

class AttributesAheadTest : public testing::Test {
  protected:
    ~AttributesAheadTest() override { ahead.reset(); }

    // Files, each with a mode of its own.
    void put_files(int files) {
        constexpr int writers = 8;
        std::vector<std::thread> threads;
        for (int first = 0; first < writers; ++first)
            threads.emplace_back([this, first, files] {
                for (int i = first; i < files; i += writers) put(name_of(i), mode_of(i));
            });
        for (std::thread& thread : threads) thread.join();
    }
    void put(const std::string& key, unsigned mode) {
        const auto put = rig.client().put_object(
            {.bucket = store.bucket,
             .key = key,
             .headers = {.metadata = {{"mode", fmt::format("{}", mode | S_IFREG)}}}},
            client::Source());
        ASSERT_TRUE(put) << put.error().describe();
    }
    static unsigned mode_of(int i) { return 0400U + static_cast<unsigned>(i % 0200); }

    void start() {
        listing = std::make_unique<Listing>(store, tree, freshness, defaults, kernel, rig.log());
        ahead = std::make_unique<AttributesAhead>(tree, *listing, freshness, limits, rig.log());
        FolderReading reading;
        ASSERT_TRUE(listing->page(root_node, "~", 1, {}, reading)->last);  // to its end
    }
    // As FileSystem does.
    Result<NodeInfo> stat(const std::string& name) {
        const Listing::Looking looking = ahead->looks_up(root_node, name);
        return listing->lookup(root_node, name, {}, looking);
    }
    void expect_right(int i) {
        const Result<NodeInfo> node = stat(name_of(i));
        ASSERT_TRUE(node) << node.error().describe();
        EXPECT_TRUE(node->attributes_known);
        EXPECT_EQ(node->attributes.permissions, mode_of(i)) << i;
    }
    bool known(const std::string& name) const {
        const auto node = tree.find(name);
        return node && node->attributes_known;
    }
    int known_files(int files) const {
        int count = 0;
        for (int i = 0; i < files; ++i) count += known(name_of(i)) ? 1 : 0;
        return count;
    }
    std::uint64_t requests() { return through->stats().requests; }

    StoreRig& rig = StoreRig::shared();
    MountLimits limits;
    FaultProxy proxy{rig.port()};
    std::unique_ptr<client::S3Client> through = rig.client_at(proxy.port());
    Store store{.client = *through, .bucket = rig.new_bucket(), .prefix = "", .as_of = far_off};
    const AttributeDefaults defaults;
    Tree tree{{.kind = Kind::folder, .permissions = 0755}, 10'000};
    NoKernel kernel;
    Freshness freshness{std::chrono::hours(1)};
    std::unique_ptr<Listing> listing;
    std::unique_ptr<AttributesAhead> ahead;
};

TEST_F(AttributesAheadTest, WhatIsLookedAtInTurnIsAskedForOnce) {
    constexpr int files = 300;
    put_files(files);
    start();
    const std::uint64_t before = requests();
    for (int i = 0; i < files; ++i) expect_right(i);
    EXPECT_EQ(requests() - before, std::uint64_t{files});
}

TEST_F(AttributesAheadTest, ItGoesOnFromHalfOfWhatWasAskedFor) {
    put_files(100);
    start();
    for (int i = 0; i < 3; ++i) expect_right(i);
    EXPECT_TRUE(eventually([&] { return known_files(100) == 11; }));  // 8 ahead
    for (int i = 3; i < 6; ++i) expect_right(i);
    EXPECT_EQ(known_files(100), 11);
    expect_right(6);  // four are left: 16 ahead from here
    EXPECT_TRUE(eventually([&] { return known_files(100) == 7 + 16; }));
    ahead->stop();
    EXPECT_EQ(known_files(100), 7 + 16);
}

TEST_F(AttributesAheadTest, WhoLooksHereAndThereAsksForHimself) {
    put_files(200);
    start();
    const std::uint64_t before = requests();
    std::uint64_t asked = 0;
    for (const int i : {150, 90, 91, 40, 30, 29, 28, 27, 26}) {
        expect_right(i);
        ++asked;
    }
    EXPECT_EQ(requests() - before, asked);
    // Far apart: most of what is asked for ahead is in vain, so it ends.
    for (int i = 30; i < 200; i += 17) expect_right(i);
    ahead->stop();
    EXPECT_LT(requests() - before, 60U);
}

TEST_F(AttributesAheadTest, AStoreThatTellsThemIsNotAsked) {
    put_files(20);
    store.as_of.reset();
    start();
    const std::uint64_t before = requests();
    for (int i = 0; i < 20; ++i) expect_right(i);
    ahead->stop();
    EXPECT_EQ(requests(), before);
}

TEST_F(AttributesAheadTest, WhatFailsIsLeftToTheReader) {
    put_files(20);
    start();
    for (int i = 0; i < 2; ++i) expect_right(i);
    // That one was deleted, and nobody knows yet.
    std::atomic<int> refused = 0;
    proxy.set({.words = "HEAD /" + store.bucket + "/" + name_of(5),
               .answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
               .then = [&] { ++refused; }});
    expect_right(2);
    EXPECT_TRUE(eventually([&] { return known_files(20) == 10 && refused == 1; }));
    EXPECT_EQ(stat(name_of(5)).error().code(), Code::no_such_key);
    EXPECT_EQ(refused.load(), 2);
    proxy.pass_all();
    for (int i = 3; i < 20; ++i) expect_right(i);
}

TEST_F(AttributesAheadTest, WhoComesForWhatIsBeingAskedForWaits) {
    put_files(20);
    start();
    for (int i = 0; i < 2; ++i) expect_right(i);
    const std::uint64_t before = requests();
    std::atomic<bool> asked = false, go_on = false;
    const std::string broken = "HEAD /" + store.bucket + "/" + name_of(5);
    proxy.set({.words = broken, .answer = "", .then = [&] {
                   asked = true;
                   while (!go_on) std::this_thread::yield();
                   proxy.pass_all();
               }});
    expect_right(2);
    EXPECT_TRUE(eventually([&] { return asked.load(); }));
    std::thread reader([&] { expect_right(5); });
    EXPECT_TRUE(eventually([&] { return known_files(20) == 10; }));
    go_on = true;
    reader.join();
    ahead->stop();
    // Files 2 to 10 once each, and 5 again because its connection broke.
    EXPECT_EQ(requests() - before, 10U);
}

TEST_F(AttributesAheadTest, AnAnswerOfBeforeAChangeDoesNotCount) {
    put_files(1);
    start();
    const NodeInfo node = *tree.find(name_of(0));
    const Tree::Moment asked = tree.begin_asking();
    // Listed again meanwhile: the same bytes, changed later.
    ObjectVersion changed = node.version;
    changed.last_modified += nanos_per_second;
    ASSERT_TRUE(fill_whole(tree, root_node,
                           {{.name = node.name,
                             .attributes = node.attributes,
                             .attributes_known = false,
                             .version = changed}},
                           tree.begin_asking(), freshness.now()));
    tree.describe(node.id, node.attributes, asked, &node.version);
    EXPECT_FALSE(known(node.name));
    tree.describe(node.id, node.attributes, asked, &changed);
    EXPECT_TRUE(known(node.name));
}

TEST_F(AttributesAheadTest, ALargeFolderThatIsTooOldIsListedOnceForMany) {
    constexpr int files = 1010;  // more than a page
    put_files(files);
    start();
    const std::uint64_t before = requests();
    for (int i = 0; i < files; ++i) {
        if (i == 100 || i == 600) freshness.forget();
        expect_right(i);
    }
    EXPECT_EQ(requests() - before, std::uint64_t{files} + 2 * 2);
}

TEST_F(AttributesAheadTest, AShortReadingOfALargeFolderDoesNotListItAgain) {
    constexpr int files = 1010;
    put_files(files);
    start();
    for (int i = 0; i < 4; ++i) expect_right(i);
    freshness.forget();
    EXPECT_EQ(ahead->looks_up(root_node, name_of(4)), Listing::Looking::alone);
}

}  // namespace
}  // namespace weir::mount
