#include "mount/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mount/no_kernel.h"
#include "mount/store_rig.h"
#include "mount/tree_rig.h"

namespace weir::mount {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr AttributeDefaults defaults{.uid = 1, .gid = 2};

class ChangesTest : public testing::Test {
  protected:
    ChangesTest() {
        const auto asked = tree.begin_asking();
        EXPECT_TRUE(fill_whole(tree, root_node, {}, asked, freshness.now()));
        tree.end_asking();
    }
    void told(const std::string& key, bool there = true) {
        client::JournalEntry entry{.sequence = 1, .key = "p/" + key};
        if (there) entry.current = client::JournalObject{.etag = "e", .bytes = 1};
        changes.changed(entry);
    }
    std::vector<std::string> names() {
        std::vector<std::string> out;
        for (const NodeInfo& node : tree.page(root_node, "", 100, freshness).value()->nodes)
            out.push_back(node.name + (node.folder() ? "/" : ""));
        return out;
    }

    Store store{.client = StoreRig::shared().client(), .bucket = "b", .prefix = "p/", .as_of = {}};
    Freshness freshness{std::chrono::hours(1)};
    Tree tree{defaults.of(Kind::folder, 0), 1000};
    NoKernel kernel;
    Changes changes{store, defaults, tree, kernel};
};

TEST_F(ChangesTest, KeysThatNoPathCanBeMakeNoNames) {
    const std::vector<std::string> keys{"",
                                        "/",
                                        "//",
                                        "..",
                                        "../x",
                                        "./",
                                        std::string(256, 'n'),
                                        std::string(256, 'n') + "/x",
                                        std::string("a\0b", 3)};
    for (const std::string& key : keys) told(key);
    EXPECT_THAT(names(), IsEmpty());
    EXPECT_THAT(kernel.forgotten, IsEmpty());
}

TEST_F(ChangesTest, TheFoldersBeforeThemAreThere) {
    told("f//");
    told("g//x");
    told("h/../x");
    told("i/");
    told("j");
    EXPECT_THAT(names(), ElementsAre("f/", "g/", "h/", "i/", "j"));
    told("j", false);
    EXPECT_THAT(names(), ElementsAre("f/", "g/", "h/", "i/"));
    // It may hold others.
    told("g//x", false);
    EXPECT_FALSE(tree.known(root_node, "g", freshness).value());
    EXPECT_TRUE(tree.known(root_node, "f", freshness).value()->node);
}

}  // namespace
}  // namespace weir::mount
