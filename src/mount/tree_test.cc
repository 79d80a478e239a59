#include "mount/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "base/limits.h"
#include "mount/tree_rig.h"

namespace weir::mount {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Child file(const std::string& name, const std::string& etag, std::uint64_t bytes = 1) {
    return {.name = name, .version = {.etag = etag, .bytes = bytes}};
}
Child folder(const std::string& name) {
    return {.name = name, .attributes = {.kind = Kind::folder, .permissions = 0755}};
}

class TreeTest : public testing::Test {
  protected:
    std::vector<Tree::Replaced> fill(NodeId id, std::vector<Child> children) {
        const auto asked = tree.begin_asking();
        auto replaced = fill_whole(tree, id, std::move(children), asked, freshness.now());
        tree.end_asking();
        return replaced.value();
    }
    NodeInfo at(const std::string& path) { return tree.find(path).value(); }
    std::vector<std::string> names(NodeId id = root_node) {
        std::vector<std::string> out;
        for (const NodeInfo& node : tree.page(id, "", 100, freshness).value()->nodes)
            out.push_back(node.name);
        return out;
    }

    Freshness freshness{std::chrono::hours(1)};
    Tree tree{{.kind = Kind::folder, .permissions = 0755}, 1000};
};

TEST_F(TreeTest, AWholeFolderAnswersForEveryName) {
    EXPECT_FALSE(tree.known(root_node, "a", freshness).value());
    fill(root_node, {file("a", "1"), folder("b")});
    EXPECT_EQ(tree.known(root_node, "a", freshness).value()->node->version.etag, "1");
    EXPECT_FALSE(tree.known(root_node, "c", freshness).value()->node);
    EXPECT_THAT(names(), ElementsAre("a", "b"));
    freshness.forget();
    EXPECT_FALSE(tree.known(root_node, "a", freshness).value());
    EXPECT_FALSE(tree.page(root_node, "", 10, freshness).value());
}

TEST_F(TreeTest, ANodeIsOneVersionOfAPath) {
    fill(root_node, {file("a", "1"), file("b", "1")});
    const NodeId a = at("a").id, b = at("b").id;
    ASSERT_TRUE(tree.looked_up(a));
    const auto replaced = fill(root_node, {file("a", "2"), file("b", "1")});
    ASSERT_THAT(replaced, SizeIs(1));
    EXPECT_EQ(replaced[0].name, "a");
    EXPECT_EQ(replaced[0].old_node, a);
    EXPECT_NE(at("a").id, a);
    EXPECT_EQ(at("b").id, b);
    // Who has it open keeps what he opened.
    EXPECT_EQ(tree.node(a)->version.etag, "1");
    EXPECT_TRUE(tree.node(a)->unlinked);
    tree.forget(a, 1);
    EXPECT_EQ(tree.node(a).error().code(), Code::stale);
}

TEST_F(TreeTest, OnesOwnWritesKeepTheNode) {
    fill(root_node, {file("a", "1")});
    const NodeId a = at("a").id;
    ASSERT_TRUE(tree.set_version(a, {.etag = "2", .bytes = 5}));
    EXPECT_EQ(at("a").id, a);
    EXPECT_EQ(at("a").version.etag, "2");
    fill(root_node, {file("a", "2", 5)});
    EXPECT_EQ(at("a").id, a);
}

TEST_F(TreeTest, AnAnswerDoesNotUndoWhatChangedSinceItWasAsked) {
    fill(root_node, {file("changed", "1"), file("removed", "1"), file("other", "1")});
    const auto asked = tree.begin_asking();
    ASSERT_TRUE(tree.set_version(at("changed").id, {.etag = "2", .bytes = 1}));
    ASSERT_TRUE(tree.remove(root_node, "removed"));
    ASSERT_TRUE(tree.add(root_node, file("added", "1")));
    ASSERT_TRUE(fill_whole(tree, root_node, {file("changed", "1"), file("removed", "1")}, asked,
                           freshness.now()));
    tree.end_asking();
    EXPECT_THAT(names(), ElementsAre("added", "changed"));
    EXPECT_EQ(at("changed").version.etag, "2");
    // What is asked from now on counts.
    fill(root_node, {file("removed", "2")});
    EXPECT_THAT(names(), ElementsAre("removed"));
}

TEST_F(TreeTest, OneNameMayBeAskedAlone) {
    const auto asked = tree.begin_asking();
    ASSERT_TRUE(tree.fill_one(root_node, "a", file("a", "1"), asked, freshness.now()));
    ASSERT_TRUE(tree.fill_one(root_node, "b", std::nullopt, asked, freshness.now()));
    tree.end_asking();
    EXPECT_TRUE(tree.known(root_node, "a", freshness).value()->node);
    EXPECT_FALSE(tree.known(root_node, "b", freshness).value()->node);
    EXPECT_FALSE(tree.known(root_node, "c", freshness).value());
    EXPECT_FALSE(tree.page(root_node, "", 10, freshness).value());
}

TEST_F(TreeTest, TheJournalTellsOfOthersAndIsNotBelievedAboutOneself) {
    fill(root_node, {file("a", "1"), folder("f")});
    fill(at("f").id, {file("x", "1")});
    tree.begin_following();
    // Own commits, told later, in order.
    const NodeId a = at("a").id;
    ASSERT_TRUE(tree.set_version(a, {.etag = "2", .bytes = 1}));
    ASSERT_TRUE(tree.set_version(a, {.etag = "3", .bytes = 1}));
    EXPECT_THAT(tree.told("a", false, file("", "2")), IsEmpty());
    EXPECT_THAT(tree.told("a", false, file("", "3")), IsEmpty());
    EXPECT_EQ(at("a").version.etag, "3");
    // Somebody else's.
    EXPECT_THAT(tree.told("a", false, file("", "2")), SizeIs(1));
    EXPECT_NE(at("a").id, a);
    // The kernel hears of a new name only if it may believe that there is none.
    EXPECT_THAT(tree.told("f/y", false, file("", "1")), IsEmpty());
    EXPECT_FALSE(tree.known(at("f").id, "z", freshness).value()->node);
    EXPECT_THAT(tree.told("f/z", false, file("", "1")), SizeIs(1));
    tree.told("f/z", false, std::nullopt);
    EXPECT_THAT(names(at("f").id), ElementsAre("x", "y"));
    tree.told("f/y", false, std::nullopt);
    EXPECT_THAT(names(at("f").id), ElementsAre("x"));
}

// A name that is used again and again, as by those who write a file and rename it.
TEST_F(TreeTest, WhatTheJournalTellsOfANameDoesNotReachWhoHasItNext) {
    fill(root_node, {});
    tree.begin_following();
    ASSERT_TRUE(tree.add(root_node, file("new", "1")));
    ASSERT_TRUE(tree.rename(root_node, "new", root_node, "old"));
    const NodeId next = tree.add(root_node, file("new", "2"))->id;
    for (const bool moving : {true, false}) {
        tree.set_moving(next, moving);
        tree.told("new", false, file("", "1"));
        tree.told("new", false, std::nullopt);
        EXPECT_EQ(at("new").id, next);
        EXPECT_EQ(at("new").version.etag, "2");
        // At rest it is asked for again, for whoever removed it may be somebody else.
        if (!moving) EXPECT_FALSE(tree.known(root_node, "new", freshness).value());
    }
    tree.told("new", false, file("", "2"));
    tree.told("new", false, file("", "3"));
    EXPECT_NE(at("new").id, next);
}

TEST_F(TreeTest, WhatTheJournalTellsLateOfAnOwnFileDoesNotBringItBack) {
    fill(root_node, {});
    tree.begin_following();
    ASSERT_TRUE(tree.add(root_node, file("lock", "1")));
    ASSERT_TRUE(tree.remove(root_node, "lock"));
    ASSERT_TRUE(tree.add(root_node, file("new", "2")));
    ASSERT_TRUE(tree.rename(root_node, "new", root_node, "old"));
    tree.told("lock", false, file("", "1"));
    tree.told("new", false, file("", "2"));
    EXPECT_THAT(names(), ElementsAre("old"));
    tree.told("lock", false, std::nullopt);
    tree.told("new", false, std::nullopt);
    EXPECT_THAT(tree.told("old", false, file("", "2")), IsEmpty());
    EXPECT_THAT(names(), ElementsAre("old"));
    // Somebody else's.
    tree.told("lock", false, file("", "1"));
    EXPECT_THAT(names(), ElementsAre("lock", "old"));
}

TEST_F(TreeTest, WhatTheJournalToldWhileAFileWasWrittenCountsAtTheEnd) {
    int written = 0;
    const std::shared_ptr<Draft> draft(std::make_shared<int>(), reinterpret_cast<Draft*>(&written));
    const auto end_of = [&](const char* name) {
        const NodeId node = at(name).id;
        EXPECT_TRUE(tree.set_draft(node, nullptr));
        return tree.settle(node);
    };
    const auto asked_again = [&](const char* name) {
        return !tree.known(root_node, name, freshness).value();
    };
    const std::vector<const char*> all = {"removed", "other", "own", "own-removed", "again"};
    std::vector<Child> children;
    for (const char* name : all) children.push_back(file(name, "1"));
    fill(root_node, std::move(children));
    tree.begin_following();
    for (const char* name : all) ASSERT_TRUE(tree.set_draft(at(name).id, draft));
    // By others, and nothing was committed.
    tree.told("removed", false, std::nullopt);
    EXPECT_THAT(end_of("removed"), SizeIs(1));
    EXPECT_TRUE(asked_again("removed"));
    tree.told("other", false, file("", "2"));
    EXPECT_THAT(end_of("other"), SizeIs(1));
    EXPECT_TRUE(asked_again("other"));
    // The own commit, told before its reply; then somebody removed it.
    tree.told("own", false, file("", "2"));
    ASSERT_TRUE(tree.set_version(at("own").id, {.etag = "2", .bytes = 1}));
    EXPECT_THAT(end_of("own"), IsEmpty());
    EXPECT_FALSE(asked_again("own"));
    tree.told("own-removed", false, file("", "2"));
    tree.told("own-removed", false, std::nullopt);
    ASSERT_TRUE(tree.set_version(at("own-removed").id, {.etag = "2", .bytes = 1}));
    EXPECT_THAT(end_of("own-removed"), SizeIs(1));
    EXPECT_TRUE(asked_again("own-removed"));
    // Removed, and committed after that: the journal has not come so far yet.
    tree.told("again", false, std::nullopt);
    ASSERT_TRUE(tree.set_version(at("again").id, {.etag = "2", .bytes = 1}));
    EXPECT_THAT(end_of("again"), IsEmpty());
    EXPECT_FALSE(asked_again("again"));
}

TEST_F(TreeTest, ARenameOfWhatIsNotKnownAnyMoreIsAskedFor) {
    fill(root_node, {file("from", "1"), file("to", "2")});
    tree.begin_following();
    tree.told("from", false, std::nullopt);
    ASSERT_TRUE(tree.rename(root_node, "from", root_node, "to"));
    EXPECT_FALSE(tree.known(root_node, "from", freshness).value());
    EXPECT_FALSE(tree.known(root_node, "to", freshness).value());
}

TEST_F(TreeTest, WhatTheJournalNeverTellsOfIsNotAwaitedForEver) {
    // Before there is a stream, and before a new one that does not go on where the last one ended.
    for (const bool followed : {false, true}) {
        fill(root_node, {file("a", "1"), file("b", "1")});
        if (followed) tree.begin_following();
        ASSERT_TRUE(tree.set_version(at("a").id, {.etag = "2", .bytes = 1}));
        ASSERT_TRUE(tree.add(root_node, file("b", "2")));
        tree.begin_following();
        tree.told("a", false, std::nullopt);
        EXPECT_FALSE(tree.known(root_node, "a", freshness).value()->node);
        tree.told("b", false, std::nullopt);
        EXPECT_FALSE(tree.known(root_node, "b", freshness).value()->node);
    }
    // Of a commit whose reply came after the stream had begun nobody can say: the store is asked.
    fill(root_node, {file("a", "1")});
    ASSERT_TRUE(tree.set_version(at("a").id, {.etag = "2", .bytes = 1}));
    EXPECT_THAT(tree.told("a", false, std::nullopt), SizeIs(1));
    EXPECT_FALSE(tree.known(root_node, "a", freshness).value());
}

TEST_F(TreeTest, AFolderThatMayBeGoneIsAskedForAgain) {
    fill(root_node, {folder("f")});
    fill(at("f").id, {file("x", "1")});
    EXPECT_THAT(tree.told("f/x", false, std::nullopt), SizeIs(2));
    EXPECT_FALSE(tree.known(root_node, "f", freshness).value());
}

TEST_F(TreeTest, ANewFolderIsSeenByWhoKnewItsParent) {
    fill(root_node, {});
    EXPECT_FALSE(tree.known(root_node, "new", freshness).value()->node);
    EXPECT_THAT(tree.told("new/x", false, file("", "1")), SizeIs(1));
    EXPECT_TRUE(tree.known(root_node, "new", freshness).value()->node->folder());
    EXPECT_FALSE(at("new").attributes_known);
    EXPECT_FALSE(tree.known(at("new").id, "x", freshness).value());
}

TEST_F(TreeTest, WhatTheJournalTellsIsNewerThanAnAnswerThatWasUnderWay) {
    fill(root_node, {folder("gone"), folder("back"), file("a", "1")});
    fill(at("gone").id, {file("x", "1")});
    fill(at("back").id, {file("x", "1")});
    const auto asked = tree.begin_asking();
    tree.told("new/x", false, file("", "1"));
    tree.told("gone/x", false, std::nullopt);
    tree.told("unknown/x", false, std::nullopt);
    tree.told("back/x", false, std::nullopt);
    tree.told("back/y", false, file("", "1"));
    ASSERT_TRUE(fill_whole(tree, root_node, {folder("gone"), folder("unknown"), file("a", "1")},
                           asked, freshness.now()));
    ASSERT_TRUE(tree.fill_one(root_node, "gone", folder("gone"), asked, freshness.now()));
    ASSERT_TRUE(tree.fill_one(root_node, "new", std::nullopt, asked, freshness.now()));
    tree.end_asking();
    for (const char* there : {"new", "back", "a"})
        EXPECT_TRUE(tree.known(root_node, there, freshness).value()->node) << there;
    // The one may hold other keys, of the other it is not known that it held more.
    EXPECT_FALSE(tree.known(root_node, "gone", freshness).value());
    EXPECT_FALSE(tree.known(root_node, "unknown", freshness).value());
    EXPECT_FALSE(tree.known(root_node, "nothing", freshness).value()->node);
    EXPECT_FALSE(tree.page(root_node, "", 10, freshness).value());
    const auto again = tree.begin_asking();
    ASSERT_TRUE(tree.fill_one(root_node, "gone", std::nullopt, again, freshness.now()));
    tree.end_asking();
    EXPECT_FALSE(tree.known(root_node, "gone", freshness).value()->node);
    fill(root_node, {folder("back"), folder("new"), file("a", "1")});
    EXPECT_THAT(names(), ElementsAre("a", "back", "new"));
}

TEST_F(TreeTest, AFolderThatWasRemovedHoldsNothing) {
    fill(root_node, {folder("f")});
    const NodeId f = at("f").id;
    ASSERT_TRUE(tree.looked_up(f));
    const auto asked = tree.begin_asking();
    ASSERT_TRUE(tree.remove(root_node, "f"));
    EXPECT_EQ(fill_whole(tree, f, {file("x", "1")}, asked, freshness.now()).error().code(),
              Code::stale);
    EXPECT_EQ(tree.fill_one(f, "x", file("x", "1"), asked, freshness.now()).error().code(),
              Code::stale);
    tree.end_asking();
    tree.forget(f, 1);
    EXPECT_EQ(tree.counts().nodes, 1U);
}

TEST_F(TreeTest, RenameTakesWhatIsBeneathAlong) {
    fill(root_node, {folder("f"), file("a", "1"), file("b", "2")});
    fill(at("f").id, {file("x", "1")});
    tree.begin_following();
    const NodeId x = at("f/x").id, a = at("a").id, b = at("b").id;
    ASSERT_TRUE(tree.looked_up(b));
    ASSERT_TRUE(tree.rename(root_node, "f", root_node, "g"));
    EXPECT_EQ(tree.path(x).value(), "g/x");
    ASSERT_TRUE(tree.rename(root_node, "a", root_node, "b"));
    EXPECT_EQ(at("b").id, a);
    EXPECT_EQ(tree.path(b).error().code(), Code::stale);
    ASSERT_TRUE(tree.rename(root_node, "b", at("g").id, "b"));
    EXPECT_EQ(tree.path(a).value(), "g/b");
    EXPECT_THAT(names(), ElementsAre("g"));
    // The journal tells of the rename as of a removal and a new key.
    EXPECT_THAT(tree.told("g/b", false, file("", "1")), IsEmpty());
    EXPECT_EQ(tree.path(a).value(), "g/b");
}

TEST_F(TreeTest, RenewGivesTheNameToAnotherNode) {
    fill(root_node, {file("a", "1")});
    const NodeId a = at("a").id;
    ASSERT_TRUE(tree.looked_up(a));
    const auto renewed = tree.renew(a);
    ASSERT_TRUE(renewed);
    EXPECT_NE(renewed->id, a);
    EXPECT_EQ(at("a").id, renewed->id);
    EXPECT_EQ(renewed->version.etag, "1");
    EXPECT_TRUE(tree.node(a)->unlinked);
}

TEST_F(TreeTest, StaysBounded) {
    for (int i = 0; i < 100; ++i) {
        const std::string name = "f" + std::to_string(i);
        ASSERT_TRUE(tree.add(root_node, folder(name)));
        std::vector<Child> children;
        for (int j = 0; j < 100; ++j) children.push_back(file(std::to_string(j), "1"));
        fill(at(name).id, std::move(children));
    }
    EXPECT_LE(tree.counts().nodes, 1500U);
    // What the kernel knows is never forgotten.
    ASSERT_TRUE(tree.looked_up(at("f99/7").id));
    const NodeId kept = at("f99/7").id;
    for (int i = 0; i < 50; ++i) {
        const std::string name = "g" + std::to_string(i);
        ASSERT_TRUE(tree.add(root_node, folder(name)));
        std::vector<Child> children;
        for (int j = 0; j < 100; ++j) children.push_back(file(std::to_string(j), "1"));
        fill(at(name).id, std::move(children));
    }
    EXPECT_EQ(tree.path(kept).value(), "f99/7");
    EXPECT_EQ(tree.counts().looked_up, 1U);
}

TEST_F(TreeTest, OthersChangesAndOnesOwnAreBoundedToo) {
    fill(root_node, {folder("f"), folder("g")});
    fill(at("f").id, {});
    for (int i = 0; i < 3000; ++i) tree.told("f/" + std::to_string(i), false, file("", "1"));
    EXPECT_LE(tree.counts().nodes, 1200U);
    // Of a folder that nobody looked at nothing is kept.
    const std::size_t before = tree.counts().nodes;
    for (int i = 0; i < 100; ++i) tree.told("g/" + std::to_string(i), false, file("", "1"));
    EXPECT_EQ(tree.counts().nodes, before);
    for (int i = 0; i < 3000; ++i) {
        const auto added = tree.add(root_node, file(std::to_string(i), "1"));
        ASSERT_TRUE(added);
        ASSERT_TRUE(tree.looked_up(added->id));
        tree.forget(added->id, 1);
    }
    EXPECT_LE(tree.counts().nodes, 1200U);
}

TEST_F(TreeTest, ANodeTakesWhatTheBoundSays) {
    Tree large({.kind = Kind::folder}, 1'000'000);
    constexpr std::size_t names = 20'000;
    std::vector<Child> children;
    for (std::size_t i = 0; i < names; ++i)
        children.push_back(file("a-name-of-middling-length-" + std::to_string(i),
                                "0123456789abcdef0123456789abcdef"));
    const std::size_t before = ::mallinfo2().uordblks;
    ASSERT_TRUE(fill_whole(large, root_node, children, 1, freshness.now()));
    const std::size_t bytes = (::mallinfo2().uordblks - before) / names;
    EXPECT_LE(bytes, 64 * MiB / MountLimits().nodes_max);
}

TEST_F(TreeTest, SomeOfAFolderIsToldInTheOrderOfPlaces) {
    fill(root_node, {folder("f")});
    const NodeId f = at("f").id;
    ASSERT_TRUE(tree.add(f, file("new", "")));
    ASSERT_TRUE(tree.add(f, file("z", "")));
    int written = 0;
    const std::shared_ptr<Draft> draft(std::make_shared<int>(), reinterpret_cast<Draft*>(&written));
    ASSERT_TRUE(tree.set_draft(at("f/new").id, draft));
    ASSERT_TRUE(tree.set_draft(at("f/z").id, draft));
    const auto some = [&](std::string_view after, std::vector<Child> children, bool last) {
        const auto asked = tree.begin_asking();
        tree.told("f/removed", false, std::nullopt);
        auto filled = tree.fill_some(f, after, std::move(children), last, asked, freshness.now());
        tree.end_asking();
        std::vector<std::string> places;
        for (const NodeInfo& node : filled->nodes) places.push_back(node.place());
        return places;
    };
    EXPECT_THAT(some("", {file("a", "1"), file("a.txt", "1"), folder("b"), file("b-", "1")}, false),
                ElementsAre("a", "a.txt", "b-", "b/"));
    EXPECT_THAT(some("b/", {file("removed", "1"), folder("x")}, false), ElementsAre("new", "x/"));
    EXPECT_THAT(some("x/", {}, true), ElementsAre("z"));
    EXPECT_TRUE(tree.known(f, "a.txt", freshness).value()->node);
    EXPECT_FALSE(tree.known(f, "other", freshness).value());
    ASSERT_TRUE(tree.set_draft(at("f/new").id, nullptr));
    ASSERT_TRUE(tree.set_draft(at("f/z").id, nullptr));
}

// A listing that comes part by part.
class GatheringTest : public TreeTest {
  protected:
    ~GatheringTest() override { tree.end_asking(); }

    // Whether it counted.
    bool gather(std::vector<Child> children, bool last = false) {
        auto result =
            tree.gather(root_node, gathering, {.children = std::move(children), .last = last});
        EXPECT_TRUE(result);
        return result->counts;
    }
    std::optional<std::vector<std::string>> places(std::string_view after = "") {
        const auto page = tree.page(root_node, after, 100, freshness).value();
        if (!page) return std::nullopt;
        std::vector<std::string> out;
        for (const NodeInfo& node : page->nodes) out.push_back(node.place());
        if (page->last) out.emplace_back("end");
        return out;
    }

    const Tree::Moment asked = tree.begin_asking();
    const Tree::GatheringId gathering =
        tree.begin_gathering(root_node, asked, freshness.now()).value();
};

TEST_F(GatheringTest, WhatIsThereUpToTheLastPartIsKnown) {
    EXPECT_FALSE(places());
    ASSERT_TRUE(gather({file("a", "1"), file("a.txt", "1"), folder("a-"), folder("c")}));
    // "c.d" may come before "c/", where names are listed in their own order.
    EXPECT_THAT(places().value(), ElementsAre("a", "a-/", "a.txt"));
    EXPECT_THAT(places("a-/").value(), ElementsAre("a.txt"));
    EXPECT_FALSE(places("c"));
    EXPECT_TRUE(tree.known(root_node, "c", freshness).value()->node);
    EXPECT_FALSE(tree.known(root_node, "b", freshness).value());
    ASSERT_TRUE(gather({file("d", "1")}, /*last=*/true));
    EXPECT_THAT(places("a.txt").value(), ElementsAre("c/", "d", "end"));
    EXPECT_FALSE(tree.known(root_node, "b", freshness).value()->node);
    EXPECT_FALSE(gather({file("e", "1")}));
}

TEST_F(GatheringTest, WhatIsNotListedGoesWithItsPart) {
    fill(root_node, {file("a", "1"), file("b", "1")});
    ASSERT_TRUE(tree.add(root_node, file("bb", "own")));
    const Tree::Moment later = tree.begin_asking();
    const auto id = tree.begin_gathering(root_node, later, freshness.now()).value();
    ASSERT_TRUE(tree.gather(root_node, id, {.children = {file("aa", "1")}}));
    EXPECT_FALSE(tree.find("a"));
    EXPECT_TRUE(tree.find("b"));  // may be in the next
    ASSERT_TRUE(tree.add(root_node, file("bc", "own")));
    ASSERT_TRUE(tree.remove(root_node, "c"));
    tree.told("bd", false, file("bd", "others"));
    ASSERT_TRUE(tree.gather(root_node, id, {.children = {file("bc", "0"), file("c", "1")}}));
    EXPECT_FALSE(tree.find("b"));
    EXPECT_FALSE(tree.find("bb"));
    EXPECT_EQ(at("bc").version.etag, "own");
    EXPECT_EQ(at("bd").version.etag, "others");
    EXPECT_FALSE(tree.find("c"));
    ASSERT_TRUE(tree.gather(root_node, id, {.last = true}));
    EXPECT_THAT(names(), ElementsAre("aa", "bc", "bd"));
    tree.end_asking();
}

TEST_F(GatheringTest, AFolderTakesTheNameOfAFileThatWasToldBefore) {
    ASSERT_TRUE(gather({file("n", "1"), file("n.txt", "1")}));
    ASSERT_TRUE(gather({folder("n")}, /*last=*/true));
    EXPECT_THAT(places().value(), ElementsAre("n.txt", "n/", "end"));
    fill(root_node, {file("n", "2")});
    EXPECT_THAT(places().value(), ElementsAre("n", "end"));
}

TEST_F(GatheringTest, AKnownFolderStaysThoughAFileOfItsNameIsListedBeforeIt) {
    fill(root_node, {folder("n"), file("n.txt", "1")});
    const NodeId n = at("n").id;
    for (const bool there : {true, false}) {
        const Asking later(tree);
        const auto id = tree.begin_gathering(root_node, later.asked(), freshness.now()).value();
        ASSERT_TRUE(tree.gather(root_node, id, {.children = {file("n", "1"), file("n.txt", "1")}})
                        .value()
                        .counts);
        EXPECT_EQ(at("n").id, n);
        Tree::Part last{.last = true};
        if (there) last.children.push_back(folder("n"));
        // Where it is gone, the file that it hid is asked for.
        EXPECT_EQ(tree.gather(root_node, id, std::move(last)).value().counts, there);
        EXPECT_EQ(tree.find("n").has_value(), there);
    }
    fill(root_node, {file("n", "1"), file("n.txt", "1")});
    EXPECT_THAT(names(), ElementsAre("n", "n.txt"));
}

TEST_F(GatheringTest, NamesMayComeInTheirOwnOrderToo) {
    fill(root_node, {file("a-b", "1"), folder("a")});
    const NodeId file_id = at("a-b").id;
    const Asking later(tree);
    const auto id = tree.begin_gathering(root_node, later.asked(), freshness.now()).value();
    ASSERT_TRUE(
        tree.gather(root_node, id, {.children = {folder("a"), file("a-b", "1")}}).value().counts);
    ASSERT_TRUE(tree.gather(root_node, id, {.children = {file("a.b", "1")}}).value().counts);
    EXPECT_EQ(at("a-b").id, file_id);
    ASSERT_TRUE(
        tree.gather(root_node, id, {.children = {file("b", "1")}, .last = true}).value().counts);
    EXPECT_THAT(places().value(), ElementsAre("a-b", "a.b", "a/", "b", "end"));
}

TEST_F(GatheringTest, WhatIsAskedWhileAFolderIsMovedDoesNotCount) {
    fill(root_node, {folder("f")});
    const NodeId f = at("f").id;
    fill(f, {folder("g")});
    const NodeId g = at("f/g").id;
    const auto begin = [&](Tree::Moment moment) {
        return tree.begin_gathering(g, moment, freshness.now()).value();
    };
    const Asking before(tree);
    tree.set_moving(f, true);
    EXPECT_TRUE(tree.moving(g));
    EXPECT_FALSE(tree.gather(g, begin(before.asked()), {.last = true}).value().counts);
    ASSERT_TRUE(tree.fill_one(g, "x", std::nullopt, before.asked(), freshness.now()));
    ASSERT_TRUE(tree.rename(root_node, "f", root_node, "new"));
    tree.set_moving(f, false);
    EXPECT_FALSE(tree.moving(g));
    EXPECT_FALSE(tree.gather(g, begin(before.asked()), {.last = true}).value().counts);
    ASSERT_TRUE(tree.fill_one(g, "y", std::nullopt, before.asked(), freshness.now()));
    for (const char* name : {"x", "y"}) EXPECT_FALSE(tree.known(g, name, freshness).value());
    const Asking after(tree);
    EXPECT_TRUE(tree.gather(g, begin(after.asked()), {.last = true}).value().counts);
}

TEST_F(GatheringTest, WhatIsDoubtedMeanwhileIsAskedForAgain) {
    ASSERT_TRUE(gather({folder("f")}));
    tree.told("f/x", false, file("x", "1"));
    tree.told("f/x", false, std::nullopt);  // the last key beneath it, as far as is known
    ASSERT_TRUE(gather({file("z", "1")}, /*last=*/true));
    EXPECT_FALSE(places());
    EXPECT_FALSE(tree.known(root_node, "f", freshness).value());
    EXPECT_TRUE(tree.known(root_node, "z", freshness).value()->node);
}

// A part, its key alone: what else makes the folder may be there still.
TEST_F(GatheringTest, WhatImpliesAFolderMayGoWithoutIt) {
    tree.told("part/x", false, std::nullopt);
    tree.told("marker", true, std::nullopt);
    tree.told("beside", false, std::nullopt);
    tree.told("file", false, std::nullopt);
    ASSERT_TRUE(tree.remove(root_node, "own"));
    tree.told("own", true, std::nullopt);  // and so says the journal
    tree.told("own/x", false, std::nullopt);
    ASSERT_TRUE(gather(
        {folder("beside"), file("file", "1"), folder("marker"), folder("own"), folder("part")},
        /*last=*/true));
    for (const char* name : {"beside", "marker", "part"}) {
        EXPECT_TRUE(tree.find(name)) << name;
        EXPECT_FALSE(tree.known(root_node, name, freshness).value()) << name;
    }
    for (const char* name : {"file", "own"}) EXPECT_FALSE(tree.find(name)) << name;
}

TEST_F(GatheringTest, WhatWasListedStaysThoughItIsDoubtedOrAskedForBeforeTheNextPart) {
    ASSERT_TRUE(gather({folder("c")}));
    tree.told("c", true, std::nullopt);
    ASSERT_TRUE(gather({folder("d")}));
    EXPECT_TRUE(tree.find("c"));
    ASSERT_TRUE(tree.fill_one(root_node, "d", folder("d"), tree.begin_asking(), freshness.now()));
    tree.end_asking();
    ASSERT_TRUE(gather({file("e", "1")}, /*last=*/true));
    EXPECT_TRUE(tree.known(root_node, "d", freshness).value()->node);
    EXPECT_FALSE(tree.known(root_node, "c", freshness).value());
}

TEST_F(GatheringTest, APartOfALargeFolderThatWasAskedForBeforeAMoveDoesNotCount) {
    fill(root_node, {folder("f")});
    const NodeId f = at("f").id;
    const Asking before(tree);
    ASSERT_TRUE(tree.rename(root_node, "f", root_node, "g"));
    const auto some = [&](Tree::Moment moment) {
        return tree.fill_some(f, "", {file("x", "1")}, false, moment, freshness.now()).value();
    };
    EXPECT_FALSE(some(before.asked()).counts);
    EXPECT_FALSE(tree.find("g/x"));
    const Asking after(tree);
    EXPECT_THAT(some(after.asked()).nodes, SizeIs(1));
}

TEST_F(GatheringTest, EndsWhenSomeOfItIsForgottenOrAnotherBegins) {
    ASSERT_TRUE(gather({file("a", "1")}));
    EXPECT_THAT(tree.distrust(at("a").id), SizeIs(1));
    EXPECT_FALSE(gather({file("b", "1")}));
    const auto other = tree.begin_gathering(root_node, asked, freshness.now()).value();
    EXPECT_FALSE(gather({file("b", "1")}));
    tree.end_gathering(root_node, gathering);
    EXPECT_TRUE(tree.gather(root_node, other, {.last = true}).value().counts);
    EXPECT_THAT(places().value(), ElementsAre("end"));
}

TEST_F(TreeTest, WhatTheKernelForgetsIsGoneOnceItHasNoName) {
    fill(root_node, {folder("f")});
    const NodeId f = at("f").id;
    fill(f, {file("x", "1")});
    const NodeId x = at("f/x").id;
    ASSERT_TRUE(tree.looked_up(x));
    ASSERT_TRUE(tree.looked_up(f));
    ASSERT_TRUE(tree.remove(root_node, "f"));
    EXPECT_TRUE(tree.node(x)->unlinked);
    tree.forget(f, 1);
    tree.forget(x, 1);
    EXPECT_EQ(tree.counts().nodes, 1U);
}

}  // namespace
}  // namespace weir::mount
