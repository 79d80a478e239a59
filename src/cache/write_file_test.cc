// Files that are written and not uploaded: found again, never evicted, turned into entries.

#include "cache/write_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "cache/cache_rig.h"

namespace weir::cache {
namespace {

WriteInfo info_of(const std::string& key) {
    return WriteInfo{.endpoint = "http://store.example",
                     .bucket = "models",
                     .key = key,
                     .base_etag = "\"base\"",
                     .metadata = {{"mode", "0644"}, {"owner", std::string("a\0b", 3)}},
                     .created_at = 17};
}

std::unique_ptr<WriteFile> written(Cache& cache, const ObjectIdentity& identity) {
    Result<std::unique_ptr<WriteFile>> file = cache.create_write(info_of(identity.key));
    EXPECT_TRUE(file && (*file)->write_at(0, bytes_of(identity)));
    return *std::move(file);
}

TEST(WriteInfo, IsReadAsItWasWritten) {
    const std::string bytes = *encode(info_of("a/b c"));
    EXPECT_EQ(*decode_write_info(bytes), info_of("a/b c"));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        EXPECT_FALSE(decode_write_info(damaged));
        EXPECT_FALSE(decode_write_info(bytes.substr(0, i)));
    }
    WriteInfo large = info_of("k");
    large.metadata.emplace_back("x", std::string(cache_dirty_info_bytes_max, 'x'));
    EXPECT_EQ(encode(large).error().code(), Code::invalid_argument);
}

TEST(WriteFile, IsFoundAgainWhenNobodyHasIt) {
    const CacheRig rig;
    const ObjectIdentity identity = object(0, 10'000);
    std::string id;
    {
        const auto one = rig.open(), other = rig.open();
        const auto file = written(*one, identity);
        id = file->id();
        EXPECT_TRUE(other->abandoned_writes()->empty()) << "it is being written";
        EXPECT_EQ(other->adopt_write(id).error().code(), Code::unavailable);
        ASSERT_TRUE(file->set_info(info_of("renamed")));
        ASSERT_TRUE(file->sync());
    }
    const auto cache = rig.open();
    const auto abandoned = *cache->abandoned_writes();
    ASSERT_EQ(abandoned.size(), 1U);
    EXPECT_EQ(abandoned[0].id, id);
    EXPECT_EQ(*abandoned[0].info, info_of("renamed"));
    EXPECT_EQ(abandoned[0].size_bytes, identity.size_bytes);
    const auto file = *cache->adopt_write(id);
    EXPECT_TRUE(cache->abandoned_writes()->empty());
    std::vector<std::byte> all(identity.size_bytes);
    ASSERT_TRUE(file->read_at(0, all));
    EXPECT_EQ(all, bytes_of(identity));
    ASSERT_TRUE(file->remove());
    EXPECT_TRUE(std::filesystem::is_empty(rig.path / "dirty"));
    EXPECT_EQ(cache->usage().used_bytes, 0U);
    EXPECT_EQ(cache->adopt_write("../../etc").error().code(), Code::invalid_argument);
}

TEST(WriteFile, BecomesAnEntryWithoutACopy) {
    const CacheRig rig;
    const ObjectIdentity identity = object(0, 3 * test_block_bytes + 7);
    const auto cache = rig.open();
    auto file = written(*cache, identity);
    const auto entry = cache->keep(std::move(file), identity, crc_of(identity));
    ASSERT_TRUE(entry) << entry.error().describe();
    EXPECT_TRUE((*entry)->verified());
    std::vector<std::byte> all(identity.size_bytes);
    ASSERT_TRUE((*entry)->read(0, all));
    EXPECT_EQ(all, bytes_of(identity));
    EXPECT_TRUE(std::filesystem::is_empty(rig.path / "dirty"));
    EXPECT_EQ(cache->usage().used_bytes, rig.allocated_bytes());
    // The same once more: it is there already.
    const auto again = cache->keep(written(*cache, identity), identity, crc_of(identity));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *entry);
    EXPECT_TRUE(std::filesystem::is_empty(rig.path / "dirty"));
    EXPECT_EQ(cache->usage().used_bytes, rig.allocated_bytes());
}

TEST(WriteFile, ThatTheStoreHasOtherwiseStays) {
    const CacheRig rig;
    const ObjectIdentity identity = object(0, 3 * test_block_bytes);
    const auto cache = rig.open();
    EXPECT_EQ(cache->keep(written(*cache, identity), identity, 1).error().code(), Code::corrupt);
    EXPECT_EQ(cache->keep(written(*cache, object(0, 5)), identity).error().code(), Code::corrupt);
    EXPECT_EQ(cache->abandoned_writes()->size(), 2U);
    EXPECT_FALSE(std::filesystem::exists(rig.state_path(identity)));
}

TEST(WriteFile, ThatCannotBeKeptIsGone) {
    const CacheRig rig(8 * test_block_bytes);
    const auto cache = rig.open();
    const ObjectIdentity identity = object(0, 1000);
    auto file = written(*cache, identity);
    const auto other = *cache->create_write(info_of("other"));
    for (std::uint64_t at = 0; other->write_at(at, bytes_of(object(1, 4096)));) at += 4096;
    EXPECT_EQ(cache->keep(std::move(file), identity).error().code(), Code::no_space);
    ASSERT_TRUE(other->remove());
    EXPECT_TRUE(std::filesystem::is_empty(rig.path / "dirty"));
    EXPECT_EQ(cache->usage().used_bytes, 0U);
}

TEST(WriteFile, ThatIsExpendableIsFoundByNobody) {
    const CacheRig rig;
    std::string wanted;
    {
        const auto cache = rig.open();
        const auto file = written(*cache, object(0, 10'000)), other = written(*cache, object(1, 9));
        ASSERT_TRUE(file->sync());
        ASSERT_TRUE(file->set_expendable());
        ASSERT_TRUE(other->set_expendable());
        ASSERT_TRUE(other->set_info(info_of("wanted again")));
        ASSERT_TRUE(other->sync());
        wanted = other->id();
    }
    // While another process has the cache nothing is swept.
    const auto cache = rig.open();
    const auto abandoned = *cache->abandoned_writes();
    ASSERT_EQ(abandoned.size(), 1U);
    EXPECT_EQ(abandoned[0].id, wanted);
    ASSERT_TRUE((*cache->adopt_write(wanted))->remove());
    EXPECT_TRUE(std::filesystem::is_empty(rig.path / "dirty"));
}

TEST(WriteFile, IsCountedAndNeverEvicted) {
    const CacheRig rig(40 * test_block_bytes);
    const auto cache = rig.open();
    const ObjectIdentity clean = object(0, 20 * test_block_bytes);
    ASSERT_TRUE(rig.fill(**cache->entry(clean)));
    // Until it is synced the cache itself holds it.
    while (cache->usage().entries_to_sync > 0) std::this_thread::yield();
    const ObjectIdentity identity = object(1, 30 * test_block_bytes);
    const auto file = *cache->create_write(info_of(identity.key));
    // As a loader's writer does: the size first, which takes nothing.
    ASSERT_TRUE(file->resize(1ULL << 40));
    for (std::uint64_t at = 0; at < identity.size_bytes; at += 1000)
        ASSERT_TRUE(file->write_at(
            at, bytes_of(identity, at, std::min<std::uint64_t>(1000, identity.size_bytes - at))));
    EXPECT_FALSE(std::filesystem::exists(rig.state_path(clean))) << "evicted for it";
    EXPECT_LE(rig.allocated_bytes(), rig.cache_bytes);
    const auto more = file->write_at(1 << 30, bytes_of(clean));
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code(), Code::no_space);
    ASSERT_TRUE(file->resize(identity.size_bytes));
    std::vector<std::byte> all(identity.size_bytes);
    ASSERT_TRUE(file->read_at(0, all));
    EXPECT_EQ(all, bytes_of(identity));
    EXPECT_EQ(cache->usage().used_bytes, rig.allocated_bytes());
}

TEST(WriteFile, WhatACrashLeftHalfMadeIsSwept) {
    const CacheRig rig;
    const std::string a(32, 'a'), b(32, 'b'), c(32, 'c'), d(32, 'd');
    {
        const auto cache = rig.open();
        std::ofstream(rig.path / "dirty" / (d + ".data"));
        std::ofstream(rig.path / "dirty" / (d + ".info"));
        EXPECT_EQ(cache->abandoned_writes()->size(), 0U);
        std::ofstream(rig.path / "dirty" / (a + ".data"));
        std::ofstream(rig.path / "dirty" / (b + ".new")) << "half";
        std::ofstream(rig.path / "dirty" / (c + ".data")) << "bytes";
        std::ofstream(rig.path / "dirty" / (c + ".info")) << "damaged";
        std::ofstream(rig.path / "dirty" / "notes.txt") << "foreign";
    }
    const auto cache = rig.open();
    EXPECT_FALSE(std::filesystem::exists(rig.path / "dirty" / (a + ".data")));
    EXPECT_FALSE(std::filesystem::exists(rig.path / "dirty" / (b + ".new")));
    EXPECT_FALSE(std::filesystem::exists(rig.path / "dirty" / (d + ".data")));
    EXPECT_FALSE(std::filesystem::exists(rig.path / "dirty" / (d + ".info")));
    EXPECT_TRUE(std::filesystem::exists(rig.path / "dirty" / "notes.txt"));
    const auto abandoned = *cache->abandoned_writes();
    ASSERT_EQ(abandoned.size(), 1U);
    EXPECT_EQ(abandoned[0].id, c);
    EXPECT_EQ(abandoned[0].info.error().code(), Code::corrupt);
}

}  // namespace
}  // namespace weir::cache
