#include "cli/mount_table.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace weir::cli {
namespace {

TEST(MountTable, HasTheFoldersOfWeir) {
    const std::vector<Mounted> all = parse_mount_table(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        "40 22 0:37 / /mnt/weir/my-models rw,nosuid shared:9 master:2 - fuse.weir weir:m/p rw\n"
        "41 22 0:38 / /mnt/with\\040space\\134 rw - fuse.weir weir:m rw\n"
        "42 22 0:39 / /mnt/other rw - fuse.sshfs host: rw\n"
        "nonsense\n"
        "43 22 0:40 / /mnt/last rw - fuse.weir weir:b "
        "rw,user_id=1000,group_id=100,default_permissions");
    EXPECT_EQ(all,
              (std::vector<Mounted>{
                  {.folder = "/mnt/weir/my-models", .source = "weir:m/p", .device = "37"},
                  {.folder = "/mnt/with space\\", .source = "weir:m", .device = "38"},
                  {.folder = "/mnt/last", .source = "weir:b", .owner = 1000, .device = "40"}}));
}

TEST(MountTable, FoldersAreAbsoluteAndWithoutLinks) {
    const std::filesystem::path base = std::filesystem::canonical("/tmp") / "weir_mount_table_test";
    std::filesystem::remove_all(base);
    std::filesystem::create_directories(base / "real");
    std::filesystem::create_directory_symlink(base / "real", base / "link");
    EXPECT_EQ(real_folder(base / "real/").value(), (base / "real").string());
    EXPECT_EQ(real_folder(base / "link").value(), (base / "real").string());
    EXPECT_EQ(real_folder(base / "link/new").value(), (base / "real/new").string());
    EXPECT_EQ(real_folder(base / "real/../real").value(), (base / "real").string());
    EXPECT_EQ(real_folder(base / "no/where").value(), (base / "no/where").string());
    EXPECT_EQ(real_folder("/").value(), "/");
    std::filesystem::remove_all(base);
}

TEST(MountTable, AFolderThatAnswersIsNotDead) {
    EXPECT_FALSE(is_dead("/"));
    EXPECT_FALSE(is_dead("/no/such/folder"));
}

}  // namespace
}  // namespace weir::cli
