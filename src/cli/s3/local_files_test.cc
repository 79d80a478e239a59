// A folder's files as a tree, and files that appear when they are complete.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "cli/s3/local_tree.h"
#include "cli/s3/target_file.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

class LocalFiles : public ::testing::Test {
  protected:
    void SetUp() override {
        char path[] = "/tmp/weir-files-XXXXXX";
        root = ::mkdtemp(path);
    }
    void TearDown() override { fs::remove_all(root); }

    void write(const std::string& name, const std::string& text = "x") const {
        fs::create_directories(fs::path(root + "/" + name).parent_path());
        std::ofstream(root + "/" + name) << text;
    }
    std::string read(const std::string& name) const {
        std::ifstream file(root + "/" + name);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::vector<std::string> names(const std::string& below = "") {
        LocalTree tree(root + below, [this](const std::string& text) { problems.push_back(text); });
        std::vector<std::string> found;
        for (;;) {
            const Result<std::optional<Entry>> entry = tree.next();
            EXPECT_TRUE(entry) << entry.error().message();
            if (!entry || !*entry) return found;
            found.push_back((*entry)->name);
        }
    }
    std::unique_ptr<TargetFile> target(const std::string& name) const {
        auto made = TargetFile::create(root + "/" + name);
        EXPECT_TRUE(made) << made.error().message();
        EXPECT_EQ(::pwrite((*made)->descriptor(), "new", 3, 0), 3);
        return *std::move(made);
    }

    std::string root;
    std::vector<std::string> problems;
};

TEST_F(LocalFiles, ComeInTheOrderOfKeys) {
    const std::vector<std::string> sorted{"a-b", "a.txt", "a/b", "a/c/d", "a0", "b", "\xc3\xa9"};
    for (const std::string& name : sorted) write(name);
    ASSERT_TRUE(std::ranges::is_sorted(sorted));
    EXPECT_EQ(names(), sorted);
    EXPECT_TRUE(problems.empty());
}

TEST_F(LocalFiles, LinksAreFollowedButNotInCircles) {
    write("a/file");
    fs::create_symlink(root + "/a", root + "/link");
    fs::create_symlink("..", root + "/a/up");
    fs::create_symlink("nowhere", root + "/dangling");
    EXPECT_EQ(names(), (std::vector<std::string>{"a/file", "link/file"}));
    EXPECT_EQ(problems.size(), 3U);  // up, up again, dangling
}

TEST_F(LocalFiles, WhatIsNoFileIsTold) {
    ASSERT_EQ(::mkfifo((root + "/pipe").c_str(), 0600), 0);
    EXPECT_TRUE(names().empty());
    EXPECT_EQ(problems.size(), 1U);
    EXPECT_TRUE(names("/missing").empty());
    EXPECT_EQ(problems.size(), 1U);
}

TEST_F(LocalFiles, TellSizeAndTime) {
    write("f", "12345");
    LocalTree tree(root, [](const std::string&) {});
    const Entry entry = **tree.next();
    struct stat found{};
    ASSERT_EQ(::stat((root + "/f").c_str(), &found), 0);
    EXPECT_EQ(entry.bytes, 5U);
    EXPECT_EQ(entry.modified, static_cast<UnixNanos>(found.st_mtim.tv_sec) * nanos_per_second +
                                  static_cast<UnixNanos>(found.st_mtim.tv_nsec));
}

TEST_F(LocalFiles, ATargetAppearsWhenItIsComplete) {
    const auto file = target("deep/er/f");
    EXPECT_FALSE(fs::exists(root + "/deep/er/f"));
    const UnixNanos time = 1'700'000'000'123'456'789;
    ASSERT_TRUE(file->finish(time, false));
    EXPECT_EQ(read("deep/er/f"), "new");
    struct stat found{};
    ASSERT_EQ(::stat((root + "/deep/er/f").c_str(), &found), 0);
    EXPECT_EQ(found.st_mtim.tv_sec, 1'700'000'000);
    EXPECT_EQ(found.st_mtim.tv_nsec, 123'456'789);
    const mode_t mask = ::umask(0);
    ::umask(mask);
    EXPECT_EQ(found.st_mode & 0777, 0666 & ~mask);
    EXPECT_EQ(names().size(), 1U);
}

TEST_F(LocalFiles, ATargetReplacesOnlyIfItMay) {
    write("f", "old");
    const Result<void> refused = target("f")->finish(0, false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::precondition_failed);
    EXPECT_EQ(read("f"), "old");
    ASSERT_TRUE(target("f")->finish(0, true));
    EXPECT_EQ(read("f"), "new");
    EXPECT_EQ(names().size(), 1U);
}

TEST_F(LocalFiles, ATargetGivenUpLeavesNothing) {
    write("f", "old");
    target("f").reset();
    EXPECT_EQ(names(), (std::vector<std::string>{"f"}));
    EXPECT_EQ(read("f"), "old");
    write("folder/inside");
    EXPECT_FALSE(target("folder")->finish(0, true));
    EXPECT_EQ(names(), (std::vector<std::string>{"f", "folder/inside"}));
}

}  // namespace
}  // namespace weir::cli
