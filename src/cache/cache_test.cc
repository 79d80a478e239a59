// The folder: its budget, what outlasts which end, and whatever else may lie in it.

#include "cache/cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <thread>

#include "cache/cache_rig.h"

namespace weir::cache {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t object_bytes = 16 * test_block_bytes;
// An entry of that size, and its state.
constexpr std::uint64_t entry_bytes = object_bytes + 4096;

std::shared_ptr<Entry> filled(const CacheRig& rig, Cache& cache, std::uint64_t number) {
    const ObjectIdentity identity = object(number, object_bytes);
    Result<std::shared_ptr<Entry>> entry = cache.entry(identity, crc_of(identity));
    EXPECT_TRUE(entry && rig.fill(**entry));
    EXPECT_TRUE((*entry)->verified());
    return *entry;
}

// Without making it.
bool lies_there(const CacheRig& rig, std::uint64_t number) {
    return std::filesystem::exists(rig.state_path(object(number, object_bytes)));
}

// Until then the cache holds what is complete.
void wait_until_synced(const Cache& cache) {
    while (cache.usage().entries_to_sync > 0) std::this_thread::sleep_for(1ms);
}

TEST(Cache, EvictsWhatWasUsedLongestAgo) {
    CacheRig rig(10 * entry_bytes);
    const auto cache = rig.open();
    for (std::uint64_t i = 0; i < 10; ++i) {
        filled(rig, *cache, i);
        wait_until_synced(*cache);
        rig.clock.advance(10s);
    }
    EXPECT_EQ(cache->usage().used_bytes, 10 * entry_bytes);
    ASSERT_TRUE(cache->entry(object(0, object_bytes)));
    rig.clock.advance(10s);
    filled(rig, *cache, 10);
    EXPECT_TRUE(lies_there(rig, 0)) << "it was used again";
    EXPECT_FALSE(lies_there(rig, 1));
    EXPECT_TRUE(lies_there(rig, 9));
    EXPECT_LE(rig.allocated_bytes(), rig.cache_bytes);
    EXPECT_GE(cache->usage().evicted.entries, 1U);
}

TEST(Cache, NeverEvictsWhatIsUsedOrPinned) {
    CacheRig rig(4 * entry_bytes);
    const auto cache = rig.open(), other = rig.open();
    filled(rig, *cache, 0)->pin();
    const auto used = filled(rig, *other, 1);
    wait_until_synced(*cache);
    for (std::uint64_t i = 2; i < 12; ++i) {
        rig.clock.advance(10s);
        filled(rig, *cache, i);
        wait_until_synced(*cache);
    }
    EXPECT_TRUE(lies_there(rig, 0));
    EXPECT_TRUE(lies_there(rig, 1));
    std::vector<std::byte> all(object_bytes);
    ASSERT_TRUE(used->read(0, all));
    EXPECT_EQ(all, bytes_of(used->identity()));
    (*cache->entry(object(0, object_bytes)))->unpin();
    EXPECT_LE(rig.allocated_bytes(), rig.cache_bytes);
}

TEST(Cache, IsFullWhenAllIsInUseAndNoLonger) {
    CacheRig rig(2 * entry_bytes);
    const auto cache = rig.open();
    auto one = filled(rig, *cache, 0), two = filled(rig, *cache, 1);
    wait_until_synced(*cache);
    const auto third = cache->entry(object(2, object_bytes));
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code(), Code::no_space);
    EXPECT_EQ(cache->usage().used_bytes, 2 * entry_bytes);
    two.reset();
    filled(rig, *cache, 2);
    EXPECT_TRUE(lies_there(rig, 0));
    EXPECT_FALSE(lies_there(rig, 1));
}

TEST(Cache, AFileLargerThanTheBudgetIsReadThroughIt) {
    const CacheRig rig(6 * test_block_bytes);
    const ObjectIdentity identity = object(0, object_bytes);
    const auto cache = rig.open();
    const auto entry = *cache->entry(identity, crc_of(identity));
    EXPECT_EQ(rig.fill(*entry).error().code(), Code::no_space);
    ASSERT_TRUE(entry->discard({.length = object_bytes}));
    std::vector<std::byte> out(test_block_bytes);
    for (std::uint64_t at = 0; at < object_bytes; at += out.size()) {
        ASSERT_TRUE(rig.fill(*entry, {at, out.size()}));
        ASSERT_TRUE(entry->read(at, out));
        ASSERT_EQ(out, bytes_of(identity, at, out.size()));
        ASSERT_TRUE(entry->discard({at, out.size()}));
        ASSERT_LE(rig.allocated_bytes(), rig.cache_bytes);
    }
}

void fill_at_random(const CacheRig& rig, Cache& cache, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int n = 0; n < 12; ++n) {
        const ObjectIdentity identity = object(random() % 30, object_bytes);
        const auto entry = cache.entry(identity, crc_of(identity));
        // Full of what others use, at worst.
        if (!entry) {
            ASSERT_EQ(entry.error().code(), Code::no_space) << entry.error().describe();
            continue;
        }
        const Result<void> done = rig.fill(**entry);
        if (!done) ASSERT_EQ(done.error().code(), Code::no_space);
        std::vector<std::byte> out(test_block_bytes);
        if ((*entry)->read(object_bytes - out.size(), out))
            ASSERT_EQ(out, bytes_of(identity, object_bytes - out.size(), out.size()));
    }
}

TEST(Cache, KeepsItsBoundWhoeverFills) {
    constexpr int threads_each = 4;
    const CacheRig rig(10 * entry_bytes);
    const auto one = rig.open(), other = rig.open();
    std::mt19937_64 seeds(test_seed());
    for (int round = 0; round < 20; ++round) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 2 * threads_each; ++i)
            threads.emplace_back(
                [&, i, seed = seeds()] { fill_at_random(rig, i % 2 == 0 ? *one : *other, seed); });
        for (std::thread& thread : threads) thread.join();
        // While nobody works: files that come and go are not seen all at one moment.
        ASSERT_LE(rig.allocated_bytes(), rig.cache_bytes + 2 * threads_each * test_block_bytes);
    }
    EXPECT_GT(one->usage().evicted.entries + other->usage().evicted.entries, 0U);
}

TEST(Cache, CountsAnewWhenItIsOpenedAlone) {
    const CacheRig rig;
    {
        const auto cache = rig.open();
        filled(rig, *cache, 0);
        EXPECT_EQ(cache->usage().used_bytes, entry_bytes);
        // Data whose state is missing, as a process leaves it that dies while it evicts.
        filled(rig, *cache, 1);
        std::filesystem::remove(rig.state_path(object(1, object_bytes)));
    }
    // A counter that a process died in the middle of.
    std::fstream index(rig.path / "index", std::ios::binary | std::ios::in | std::ios::out);
    index.seekp(16).put('x').put('x').put('x');
    index.close();
    const auto cache = rig.open();
    EXPECT_EQ(cache->usage().used_bytes, entry_bytes);
    EXPECT_EQ(rig.allocated_bytes(), entry_bytes);
    EXPECT_FALSE(std::filesystem::exists(rig.data_path(object(1, object_bytes))));
}

CacheOptions another_boot(const CacheRig& rig, std::uint64_t number) {
    CacheOptions options = rig.options();
    options.boot_id = BootId{number, number};
    return options;
}

// What a power cut does to bytes that were not synced: the state came to the disk, they did not.
void lose(const CacheRig& rig, const ObjectIdentity& identity, std::uint64_t block) {
    std::fstream data(rig.data_path(identity), std::ios::binary | std::ios::in | std::ios::out);
    data.seekp(static_cast<std::streamoff>(block * test_block_bytes));
    data << std::string(test_block_bytes, '\0');
}

TEST(Cache, AfterAPowerCutBlocksAreComparedUnlessTheyWereSynced) {
    const CacheRig rig;
    const ObjectIdentity partial = object(0, object_bytes), whole = object(1, object_bytes),
                         synced = object(2, object_bytes);
    {
        const auto cache = rig.open(another_boot(rig, 1));
        ASSERT_TRUE(rig.fill(**cache->entry(partial), {.length = 4 * test_block_bytes}));
        ASSERT_TRUE(rig.fill(**cache->entry(whole)));
        const auto entry = *cache->entry(synced);
        ASSERT_TRUE(rig.fill(*entry));
        wait_until_synced(*cache);
        EXPECT_TRUE(entry->durable());
    }
    // As if the thread that syncs had not come to this one.
    std::fstream state(rig.state_path(whole), std::ios::binary | std::ios::in | std::ios::out);
    state.seekg(offsetof(StateHeader, flags));
    const auto flags = static_cast<unsigned>(state.get());
    state.seekp(offsetof(StateHeader, flags)).put(static_cast<char>(flags & ~durable_flag));
    state.close();
    lose(rig, partial, 1);
    lose(rig, whole, 5);

    const auto cache = rig.open(another_boot(rig, 2));
    const auto entry = *cache->entry(partial);
    EXPECT_FALSE(entry->present({.offset = test_block_bytes, .length = 1}));
    EXPECT_EQ(entry->present_bytes(), 3 * test_block_bytes);
    const auto mended = *cache->entry(whole, crc_of(whole));
    EXPECT_FALSE(mended->complete());
    EXPECT_EQ(mended->present_bytes(), object_bytes - test_block_bytes);
    ASSERT_TRUE(rig.fill(*mended));
    EXPECT_TRUE(mended->verified());
    EXPECT_TRUE((*cache->entry(synced, crc_of(synced)))->verified());
    EXPECT_TRUE((*cache->entry(synced))->durable());
}

TEST(Cache, WhatIsNoEntryIsMadeAnew) {
    const CacheRig rig;
    const auto damage = [&](std::uint64_t number, const auto& how) {
        const ObjectIdentity identity = object(number, object_bytes);
        {
            const auto cache = rig.open();
            filled(rig, *cache, number);
        }
        how(identity);
        const auto cache = rig.open();
        const auto entry = filled(rig, *cache, number);
        std::vector<std::byte> all(object_bytes);
        ASSERT_TRUE(entry->read(0, all));
        EXPECT_EQ(all, bytes_of(identity));
    };
    damage(0, [&](const auto& id) { std::filesystem::resize_file(rig.state_path(id), 100); });
    damage(1, [&](const auto& id) { std::filesystem::resize_file(rig.state_path(id), 8192); });
    damage(2, [&](const auto& id) { std::filesystem::resize_file(rig.data_path(id), 1); });
    damage(3, [&](const auto& id) { std::filesystem::remove(rig.data_path(id)); });
    damage(4, [&](const auto& id) {
        std::filesystem::remove(rig.data_path(id));
        std::filesystem::create_symlink("/etc/passwd", rig.data_path(id));
    });
    damage(5, [&](const auto& id) {
        std::filesystem::remove(rig.state_path(id));
        ASSERT_EQ(::mkfifo(rig.state_path(id).c_str(), 0600), 0);
    });
    // Another entry's state under this name.
    damage(6, [&](const auto& id) {
        const auto cache = rig.open();
        filled(rig, *cache, 7);
        std::filesystem::rename(rig.state_path(object(7, object_bytes)), rig.state_path(id));
    });
    // A state that a power cut brought back, beside data that was made after it.
    damage(8, [&](const auto& id) {
        std::ofstream(rig.path / "new");
        std::filesystem::resize_file(rig.path / "new", object_bytes);
        std::filesystem::rename(rig.path / "new", rig.data_path(id));
    });
}

TEST(Cache, OutlivesAnyDamageOfItsStates) {
    const CacheRig rig;
    std::mt19937_64 random(test_seed());
    const ObjectIdentity identity = object(0, object_bytes);
    for (int round = 0; round < 200; ++round) {
        {
            const auto cache = rig.open();
            ASSERT_TRUE(rig.fill(**cache->entry(identity), {.length = 3 * test_block_bytes}));
        }
        std::fstream state(rig.state_path(identity),
                           std::ios::binary | std::ios::in | std::ios::out);
        // Not the bits, which are all that says what is there.
        for (std::uint64_t n = random() % 8 + 1; n > 0; --n)
            state.seekp(static_cast<std::streamoff>(random() % sizeof(StateHeader)))
                .put(static_cast<char>(random()));
        state.close();
        const auto cache = rig.open();
        const auto entry = cache->entry(identity, crc_of(identity));
        ASSERT_TRUE(entry) << entry.error().describe();
        ASSERT_TRUE(rig.fill(**entry));
        std::vector<std::byte> all(object_bytes);
        ASSERT_TRUE((*entry)->read(0, all));
        ASSERT_EQ(all, bytes_of(identity));
        (*entry)->unpin();
        std::filesystem::remove(rig.state_path(identity));
    }
}

TEST(Cache, LeavesWhatIsForeignAlone) {
    const CacheRig rig;
    std::filesystem::create_directories(rig.path / "ab");
    std::filesystem::create_directories(rig.path / "photos");
    std::ofstream(rig.path / "ab" / "diary.txt") << "dear";
    std::ofstream(rig.path / "cd") << "a file where a folder of ours would be";
    std::filesystem::create_symlink("/", rig.path / "ef");
    const auto cache = rig.open();
    for (std::uint64_t i = 0; i < 600; ++i) {
        const auto entry = cache->entry(object(i, 10));
        const std::string folder = entry_id(object(i, 10)).substr(0, 2);
        EXPECT_EQ(entry.has_value(), folder != "cd" && folder != "ef");
    }
    EXPECT_TRUE(std::filesystem::exists(rig.path / "ab" / "diary.txt"));
    EXPECT_TRUE(std::filesystem::exists(rig.path / "photos"));
    EXPECT_TRUE(std::filesystem::is_symlink(rig.path / "ef"));
}

TEST(Cache, ADamagedIndexIsMadeAnewByWhoeverIsAlone) {
    const CacheRig rig;
    filled(rig, *rig.open(), 0);
    std::ofstream(rig.path / "index") << "nonsense";
    EXPECT_EQ(rig.open()->usage().used_bytes, entry_bytes);
}

TEST(Cache, AcceptsOnlyAFolderOfItsOwn) {
    const CacheRig rig;
    const auto mode_of = [](const std::filesystem::path& path) {
        struct stat status{};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        return status.st_mode & 0777U;
    };
    const auto open = [&](const CacheOptions& options) {
        const auto cache = Cache::open(options, rig.clock, *rig.log);
        return cache ? Code::internal_error : cache.error().code();
    };
    // An empty one that somebody made for it is closed to others.
    ASSERT_EQ(::chmod(rig.path.c_str(), 0755), 0);
    EXPECT_EQ(open(rig.options()), Code::internal_error);
    EXPECT_EQ(mode_of(rig.path), 0700U);
    ASSERT_EQ(::chmod(rig.path.c_str(), 0755), 0);
    EXPECT_EQ(open(rig.options()), Code::access_denied);
    EXPECT_EQ(mode_of(rig.path), 0755U);
    ASSERT_EQ(::chmod(rig.path.c_str(), 0700), 0);
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(rig.path.c_str(), 12345, 12345), 0);
        EXPECT_EQ(open(rig.options()), Code::access_denied);
        ASSERT_EQ(::chown(rig.path.c_str(), 0, 0), 0);
    }
    CacheOptions options = rig.options();
    options.block_bytes = 5000;
    EXPECT_EQ(open(options), Code::invalid_argument);
    options = rig.options();
    options.path += "/made/with/its/parents";
    EXPECT_EQ(open(options), Code::internal_error);
    EXPECT_EQ(mode_of(options.path), 0700U);
    std::filesystem::create_symlink(options.path, rig.path / "link");
    options.path = rig.path / "link";
    EXPECT_NE(open(options), Code::internal_error);
}

}  // namespace
}  // namespace weir::cache
