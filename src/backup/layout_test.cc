#include "backup/layout.h"

#include <gtest/gtest.h>

#include "io/fake_disk.h"

namespace weir::backup {
namespace {

TEST(BackupLayout, ReadsTheListThatItWroteAndNoOther) {
    io::FakeDisk disk;
    const auto layout = Layout::open(disk, "/b", "identity");
    ASSERT_TRUE(layout);
    const std::string set = (*layout)->begin_set("1").value();
    const Needs needs{{{.writer = 1, .sequence = 2}, {.end_bytes = 4096, .growing = true}},
                      {{.writer = 1, .sequence = 3}, {.end_bytes = 1, .growing = false}}};
    ASSERT_TRUE((*layout)->save_needs(set, needs));
    const Result<Needs> read = (*layout)->read_needs(set);
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), needs.size());
    for (const auto& [id, need] : needs) {
        EXPECT_EQ(read->at(id).end_bytes, need.end_bytes);
        EXPECT_EQ(read->at(id).growing, need.growing);
    }
    const std::string id = needs.begin()->first.text();
    for (const std::string& line : {id + " 1 2", id + " 1 x", id + " 1", id + " -1 0", id + "  0",
                                    id.substr(1) + " 1 0", std::string("x")}) {
        ASSERT_TRUE(disk.replace_file((*layout)->set_path(set) + "/BLOBS", line + "\n"));
        EXPECT_FALSE((*layout)->read_needs(set)) << line;
    }
}

}  // namespace
}  // namespace weir::backup
