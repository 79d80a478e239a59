#include "io/fake_disk.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/bytes.h"

namespace weir::io {
namespace {

constexpr std::uint64_t page_bytes = FakeDisk::page_bytes;

std::string contents(FakeDisk& disk, const std::string& path) {
    return disk.read_file(path, 1'000'000).value_or("(none)");
}

TEST(FakeDisk, LosesWhatWasNotSynced) {
    FakeDisk disk;
    const std::unique_ptr<File> file = *disk.create("/file");
    ASSERT_TRUE(file->write_at(0, as_bytes("synced")));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(sync_directory(disk, "/"));
    ASSERT_TRUE(file->write_at(0, as_bytes("SYNCED and more")));
    ASSERT_TRUE(disk.create("/unnamed"));
    disk.crash(0);
    EXPECT_EQ(contents(disk, "/file"), "synced");
    EXPECT_EQ(*disk.list("/"), std::vector<std::string>{"file"});
    EXPECT_EQ(file->write_at(0, as_bytes("x")).error().code(), Code::io_error);
}

TEST(FakeDisk, LosesANameWhoseBytesWereSynced) {
    FakeDisk disk;
    const std::unique_ptr<File> file = *disk.create("/file");
    ASSERT_TRUE(file->write_at(0, as_bytes("synced")));
    ASSERT_TRUE(file->sync());
    disk.crash(0);
    EXPECT_TRUE(disk.list("/")->empty());
}

TEST(FakeDisk, BringsBackARemovedNameThatWasNotSynced) {
    FakeDisk disk;
    ASSERT_TRUE(disk.replace_file("/file", "here"));
    ASSERT_TRUE(disk.remove("/file"));
    disk.crash(0);
    EXPECT_EQ(contents(disk, "/file"), "here");
    ASSERT_TRUE(disk.remove("/file"));
    ASSERT_TRUE(sync_directory(disk, "/"));
    disk.crash(0);
    EXPECT_EQ(contents(disk, "/file"), "(none)");
}

TEST(FakeDisk, KeepsAnyMixOfUnsyncedPages) {
    bool torn = false;
    for (std::uint64_t seed = 1; seed < 50; ++seed) {
        FakeDisk disk;
        ASSERT_TRUE(disk.replace_file("/file", std::string(4 * page_bytes, 'a')));
        const std::unique_ptr<File> file = *disk.open_to_write("/file");
        ASSERT_TRUE(file->write_at(0, as_bytes(std::string(4 * page_bytes, 'b'))));
        disk.crash(seed);
        const std::string after = contents(disk, "/file");
        ASSERT_EQ(after.size(), 4 * page_bytes);
        torn |= after.contains('a') && after.contains('b');
    }
    EXPECT_TRUE(torn);
}

TEST(FakeDisk, ForgetsForGoodWhatAFailedSyncWasToWrite) {
    FakeDisk disk;
    const std::unique_ptr<File> file = *disk.create("/file");
    ASSERT_TRUE(sync_directory(disk, "/"));
    ASSERT_TRUE(file->write_at(0, as_bytes("lost")));
    disk.fail(DiskCall::sync, 1, EIO);
    EXPECT_EQ(file->sync().error().code(), Code::io_error);
    EXPECT_TRUE(file->sync());
    EXPECT_EQ(contents(disk, "/file"), "lost");
    disk.crash(0);
    EXPECT_EQ(contents(disk, "/file"), std::string(4, '\0'));
}

TEST(FakeDisk, FailsTheCallItWasToldTo) {
    FakeDisk disk;
    disk.fail(DiskCall::write, 2, ENOSPC);
    const std::unique_ptr<File> file = *disk.create("/file");
    EXPECT_TRUE(file->write_at(0, as_bytes("1234")));
    EXPECT_EQ(file->write_at(0, as_bytes("abcd")).error().code(), Code::no_space);
    EXPECT_EQ(contents(disk, "/file"), "ab34");
    EXPECT_TRUE(file->write_at(0, as_bytes("abcd")));
    EXPECT_EQ(disk.calls(DiskCall::write), 3u);
}

TEST(FakeDisk, FillsUp) {
    FakeDisk disk(4 * page_bytes);
    const std::unique_ptr<File> file = *disk.create("/file");
    EXPECT_EQ(file->reserve(5 * page_bytes).error().code(), Code::no_space);
    ASSERT_TRUE(file->reserve(4 * page_bytes));
    const std::unique_ptr<File> other = *disk.create("/other");
    EXPECT_EQ(other->write_at(0, as_bytes("x")).error().code(), Code::no_space);
    EXPECT_TRUE(file->write_at(0, as_bytes(std::string(4 * page_bytes, 'x'))));
    ASSERT_TRUE(disk.remove("/file"));
    EXPECT_TRUE(other->write_at(0, as_bytes("x")));
}

// Whenever the power goes, a replaced file is the old or the new one, and the new one once the call
// returned.
TEST(ReplaceFile, IsThereWholeWheneverThePowerGoes) {
    std::uint64_t cuts = 0;
    for (bool done = false; !done; ++cuts) {
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            FakeDisk disk;
            const std::string before(3 * page_bytes, 'a'), after(2 * page_bytes, 'b');
            ASSERT_TRUE(disk.replace_file("/file", before));
            disk.cut_power(cuts + 1);
            done = disk.replace_file("/file", after).has_value();
            disk.crash(seed);
            const std::string found = contents(disk, "/file");
            if (done) EXPECT_EQ(found, after) << "cut " << cuts << " seed " << seed;
            EXPECT_TRUE(found == before || found == after) << "cut " << cuts << " seed " << seed;
            EXPECT_TRUE(disk.replace_file("/file", "again"));
        }
    }
    EXPECT_GE(cuts, 5u);
}

TEST(MakeDirectories, AreDurableOnceTheCallReturnedWhereverAProcessDiedBefore) {
    std::uint64_t kills = 0;
    for (bool done = false; !done; ++kills) {
        FakeDisk disk;
        disk.cut_power(kills + 1);
        done = make_directories(disk, "/a/b/c").has_value();
        disk.return_power();
        ASSERT_TRUE(make_directories(disk, "/a/b/c")) << kills;
        disk.crash(0);
        EXPECT_TRUE(disk.list("/a/b/c")) << kills;
    }
    EXPECT_GE(kills, 12u);
}

}  // namespace
}  // namespace weir::io
