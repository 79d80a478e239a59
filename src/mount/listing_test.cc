// What pages of a listing become; asking a store is in tests/mount.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mount/folder_page.h"

namespace weir::mount {
namespace {

using testing::ElementsAre;

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
    EXPECT_THAT(names_of(std::move(names).take_children()), ElementsAre("both/", "f/", "x"));
}

TEST(FolderNames, KnowAttributesWhereTheStoreTellsThem) {
    client::ListedObject with = object("x");
    with.metadata = {{"mode", "33152"}};
    FolderNames told("", defaults, false);
    told.add({.objects = {with, object("y")}, .metadata_told = true});
    for (const Child& child : std::move(told).take_children()) EXPECT_TRUE(child.attributes_known);
    FolderNames not_told("", defaults, false);
    not_told.add({.objects = {object("y")}});
    EXPECT_FALSE(std::move(not_told).take_children().at(0).attributes_known);
    FolderNames not_wanted("", defaults, true);
    not_wanted.add({.objects = {object("y")}});
    EXPECT_TRUE(std::move(not_wanted).take_children().at(0).attributes_known);
}

TEST(FolderNames, AFolderWinsAcrossPages) {
    for (const bool folder_first : {true, false}) {
        const ListedPage file{.objects = {object("a")}}, folder{.folders = {"a/"}};
        FolderNames names("", defaults, false);
        names.add(folder_first ? folder : file);
        names.add(folder_first ? file : folder);
        EXPECT_EQ(names.hidden().size(), 1U);
        EXPECT_THAT(names_of(std::move(names).take_children()), ElementsAre("a/"));
    }
}

TEST(FolderNames, TheFirstVersionThatIsToldCounts) {
    FolderNames names("", defaults, false);
    names.add({.objects = {object("a", "2"), object("gone", "")}, .version_ids = {"v2", ""}});
    names.add({.objects = {object("a", "1"), object("gone", "1")}, .version_ids = {"v1", "v0"}});
    const std::vector<Child> children = std::move(names).take_children();
    ASSERT_EQ(children.size(), 1U);
    EXPECT_EQ(children[0].version.version_id, "v2");
    EXPECT_EQ(children[0].version.etag, "2");
}

}  // namespace
}  // namespace weir::mount
