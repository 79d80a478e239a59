// A disk that is smaller than the budget: what is old goes, then the caller hears no_space, and
// nothing is half done.

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "cache/cache.h"
#include "cache/cache_rig.h"

namespace weir::cache {
namespace {

constexpr std::uint64_t disk_bytes = 64 * test_block_bytes;
constexpr std::uint64_t object_bytes = 12 * test_block_bytes;

// A small file system in the rig's folder, for as long as the test.
class FullDisk : public testing::Test {
  protected:
    void SetUp() override {
        const std::string size = "mode=0700,size=" + std::to_string(disk_bytes);
        mounted_ = ::mount("weir", rig_.path.c_str(), "tmpfs", 0, size.c_str()) == 0;
        if (!mounted_) GTEST_SKIP() << "this user may not mount: " << std::strerror(errno);
        cache_ = rig_.open();
    }
    void TearDown() override {
        cache_.reset();
        if (mounted_) EXPECT_EQ(::umount(rig_.path.c_str()), 0) << std::strerror(errno);
    }
    std::shared_ptr<Entry> entry(std::uint64_t number) {
        const ObjectIdentity identity = object(number, object_bytes);
        const auto made = cache_->entry(identity, crc_of(identity));
        EXPECT_TRUE(made) << made.error().describe();
        return made ? *made : nullptr;
    }
    void wait_until_synced() {
        while (cache_->usage().entries_to_sync > 0) std::this_thread::yield();
    }

    CacheRig rig_;
    std::unique_ptr<Cache> cache_;
    bool mounted_ = false;
};

TEST_F(FullDisk, EvictsHarderThanTheBudgetAsks) {
    for (std::uint64_t i = 0; i < 20; ++i) {
        rig_.clock.advance(std::chrono::seconds(10));
        const auto one = entry(i);
        ASSERT_TRUE(rig_.fill(*one));
        EXPECT_TRUE(one->verified());
        std::vector<std::byte> all(object_bytes);
        ASSERT_TRUE(one->read(0, all));
        ASSERT_EQ(all, bytes_of(one->identity()));
        wait_until_synced();
    }
    EXPECT_GE(cache_->usage().evicted.entries, 10U);
}

TEST_F(FullDisk, SaysSoWhenAllIsInUseAndKeepsNothingHalf) {
    std::vector<std::shared_ptr<Entry>> held;
    Result<void> filled;
    std::uint64_t number = 0;
    for (; filled; ++number) {
        const ObjectIdentity identity = object(number, object_bytes);
        const auto made = cache_->entry(identity);
        if (!made) {
            filled = fail(made.error());
            break;
        }
        filled = rig_.fill(**made);
        held.push_back(*made);
    }
    EXPECT_EQ(filled.error().code(), Code::no_space);
    ASSERT_GE(held.size(), 3U);
    for (const auto& one : held) {
        std::vector<std::byte> out(test_block_bytes);
        for (std::uint64_t at = 0; at < object_bytes; at += out.size())
            if (one->read(at, out)) ASSERT_EQ(out, bytes_of(one->identity(), at, out.size()));
    }
    wait_until_synced();
    // Of a block that a count found half written, the counter knows twice.
    EXPECT_GE(cache_->usage().used_bytes, rig_.allocated_bytes());
    EXPECT_LE(cache_->usage().used_bytes, rig_.allocated_bytes() + 2 * test_block_bytes);
    // A file that is written has no room either, and has it as soon as somebody lets go.
    const auto file = cache_->create_write(WriteInfo());
    if (file) EXPECT_FALSE((*file)->write_at(0, bytes_of(object(99, object_bytes))));
    held.erase(held.begin());
    const auto another = cache_->create_write(WriteInfo());
    ASSERT_TRUE(another) << another.error().describe();
    EXPECT_TRUE((*another)->write_at(0, bytes_of(object(99, object_bytes / 2))));
}

TEST_F(FullDisk, AStateWithoutRoomIsNotMade) {
    // As much as there is, in use.
    const ObjectIdentity large = object(0, 2 * disk_bytes);
    const auto held = *cache_->entry(large);
    EXPECT_EQ(rig_.fill(*held).error().code(), Code::no_space);
    std::vector<std::shared_ptr<Entry>> more;
    for (std::uint64_t i = 1; i < 1000; ++i) {
        const auto made = cache_->entry(object(i, 1));
        if (!made) {
            EXPECT_EQ(made.error().code(), Code::no_space);
            EXPECT_FALSE(std::filesystem::exists(rig_.state_path(object(i, 1))));
            EXPECT_FALSE(std::filesystem::exists(rig_.data_path(object(i, 1))));
            return;
        }
        more.push_back(*made);
    }
    ADD_FAILURE() << "the disk is never full";
}

}  // namespace
}  // namespace weir::cache
