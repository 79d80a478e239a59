// Entries: what is filled is read, what is claimed is fetched once, what is wrong is dropped.

#include "cache/entry.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "cache/cache_rig.h"
#include "hash/crc.h"

namespace weir::cache {
namespace {

using namespace std::chrono_literals;

Entry::Deadline in(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
}

std::shared_ptr<Entry> entry_of(Cache& cache, const ObjectIdentity& identity,
                                std::optional<std::uint64_t> crc = std::nullopt) {
    Result<std::shared_ptr<Entry>> entry = cache.entry(identity, crc);
    if (!entry) ADD_FAILURE() << entry.error().describe();
    return entry ? *entry : nullptr;
}

Code code_of(const Result<void>& result) {
    return result ? Code::internal_error : result.error().code();
}

TEST(Entry, IsFilledReadAndComplete) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 5 * test_block_bytes + 100);
    const auto cache = rig.open();
    const auto entry = entry_of(*cache, identity, crc_of(identity));
    EXPECT_FALSE(entry->complete());
    EXPECT_EQ(entry->present_bytes(), 0U);
    std::vector<std::byte> out(10);
    EXPECT_EQ(code_of(entry->read(0, out)), Code::would_block);
    EXPECT_EQ(code_of(entry->read(identity.size_bytes - 9, out)), Code::invalid_range);
    EXPECT_FALSE(entry->descriptor().has_value());

    ASSERT_TRUE(rig.fill(*entry, {.offset = test_block_bytes + 1, .length = 10}));
    EXPECT_TRUE(entry->present({.offset = test_block_bytes, .length = test_block_bytes}));
    EXPECT_EQ(entry->present_bytes(test_block_bytes + 5), test_block_bytes - 5);
    EXPECT_EQ(entry->present_bytes(0), 0U);
    EXPECT_FALSE(entry->present({.offset = test_block_bytes - 1, .length = 2}));
    ASSERT_TRUE(entry->read(test_block_bytes + 7, out));
    EXPECT_EQ(out, bytes_of(identity, test_block_bytes + 7, 10));

    ASSERT_TRUE(rig.fill(*entry));
    EXPECT_TRUE(entry->complete());
    EXPECT_TRUE(entry->verified());
    std::vector<std::byte> all(identity.size_bytes);
    ASSERT_TRUE(entry->read(0, all));
    EXPECT_EQ(all, bytes_of(identity));

    const Result<int> descriptor = entry->descriptor();
    ASSERT_TRUE(descriptor);
    struct stat status{};
    ASSERT_EQ(::fstat(*descriptor, &status), 0);
    EXPECT_TRUE(S_ISREG(status.st_mode));
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), identity.size_bytes);
    EXPECT_EQ(::pwrite(*descriptor, "x", 1, 0), -1) << "for reading only";
}

TEST(Entry, OfNoBytesIsCompleteAtOnce) {
    const CacheRig rig;
    const auto cache = rig.open();
    const auto entry = entry_of(*cache, object(1, 0), 0);
    EXPECT_TRUE(entry->complete());
    EXPECT_TRUE(entry->verified());
    EXPECT_TRUE(entry->descriptor().has_value());
    EXPECT_FALSE(entry->claim({})->has_value());
}

TEST(Entry, IsFoundAgainByOthersAndLater) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 3 * test_block_bytes);
    const auto one = rig.open(), other = rig.open();
    ASSERT_TRUE(rig.fill(*entry_of(*one, identity), {.length = 1}));
    EXPECT_EQ(entry_of(*other, identity)->present_bytes(), test_block_bytes);
    ASSERT_TRUE(rig.fill(*entry_of(*other, identity)));
    EXPECT_TRUE(entry_of(*one, identity)->complete());
    EXPECT_EQ(entry_of(*one, identity), entry_of(*one, identity)) << "threads share one handle";
    ObjectIdentity newer = identity;
    newer.etag = "\"another\"";
    EXPECT_EQ(entry_of(*one, newer)->present_bytes(), 0U);
}

TEST(Entry, ABlockIsClaimedOnceAndFreedWithTheClaim) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 4 * test_block_bytes);
    const ByteRange all{.length = identity.size_bytes};
    const auto one = rig.open(), other = rig.open();
    const auto entry = entry_of(*one, identity), elsewhere = entry_of(*other, identity);
    {
        const auto claim = entry->claim({.offset = test_block_bytes, .length = test_block_bytes});
        ASSERT_TRUE(claim && *claim);
        // What is left in a row, for a thread of the same process and for another process.
        const auto before = elsewhere->claim(all);
        ASSERT_TRUE(before && *before);
        EXPECT_EQ((*before)->range(), (ByteRange{0, test_block_bytes}));
        const auto behind = entry->claim(all);
        ASSERT_TRUE(behind && *behind);
        EXPECT_EQ((*behind)->range(), (ByteRange{2 * test_block_bytes, 2 * test_block_bytes}));
        EXPECT_FALSE(elsewhere->claim(all)->has_value());
        EXPECT_FALSE(entry->claim(all)->has_value());
        EXPECT_EQ(code_of(elsewhere->wait(all, in(1ms))), Code::timeout);
    }
    EXPECT_EQ(code_of(elsewhere->wait(all, in(1h))), Code::would_block) << "nobody fetches";
    ASSERT_TRUE(rig.fill(*elsewhere));
    EXPECT_TRUE(elsewhere->wait(all, in(1ms)));
}

TEST(Entry, HalfABlockLeavesNothing) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 4 * test_block_bytes);
    const auto cache = rig.open();
    const auto entry = entry_of(*cache, identity);
    const std::uint64_t used = cache->usage().used_bytes, allocated = rig.allocated_bytes();
    {
        auto claim = entry->claim({.length = 1});
        ASSERT_TRUE((*claim)->fill(bytes_of(identity, 0, test_block_bytes - 1)));
        EXPECT_EQ((*claim)->range(), (ByteRange{test_block_bytes - 1, 1}));
    }
    EXPECT_EQ(entry->present_bytes(), 0U);
    EXPECT_EQ(cache->usage().used_bytes, used);
    EXPECT_EQ(rig.allocated_bytes(), allocated);
}

TEST(Entry, TheCrcsThatAreGivenAreBelieved) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 2 * test_block_bytes);
    const auto cache = rig.open();
    const auto entry = entry_of(*cache, identity, crc_of(identity));
    const auto first = bytes_of(identity, 0, 1000), rest = bytes_of(identity, 1000, 7192);
    auto claim = entry->claim({.length = identity.size_bytes});
    ASSERT_TRUE((*claim)->fill(first, hash::crc64nvme(0, first)));
    // Of bytes that end in another block, it cannot be used.
    ASSERT_TRUE((*claim)->fill(rest, hash::crc64nvme(0, rest)));
    EXPECT_TRUE(entry->verified());
}

TEST(Entry, WrongBytesAreDroppedEverywhereAndNamed) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 2 * test_block_bytes);
    const auto cache = rig.open(), other = rig.open();
    const auto entry = entry_of(*cache, identity, crc_of(identity));
    const auto elsewhere = entry_of(*other, identity);
    {
        auto claim = entry->claim({.length = identity.size_bytes});
        auto wrong = bytes_of(identity);
        wrong[test_block_bytes] ^= std::byte{1};
        const Result<void> filled = (*claim)->fill(wrong);
        ASSERT_FALSE(filled);
        EXPECT_EQ(filled.error().code(), Code::corrupt);
        EXPECT_NE(filled.error().message().find(identity.key), std::string::npos);
    }
    std::vector<std::byte> out(1);
    EXPECT_EQ(code_of(entry->read(0, out)), Code::corrupt);
    EXPECT_EQ(code_of(elsewhere->read(0, out)), Code::corrupt);
    EXPECT_EQ(code_of(elsewhere->wait({.length = 1}, in(1h))), Code::corrupt);
    EXPECT_FALSE(elsewhere->claim({.length = 1}));

    const auto anew = entry_of(*other, identity, crc_of(identity));
    EXPECT_EQ(anew->present_bytes(), 0U);
    ASSERT_TRUE(rig.fill(*anew));
    EXPECT_TRUE(anew->verified());
    EXPECT_EQ(entry_of(*cache, identity)->present_bytes(), identity.size_bytes);
}

TEST(Entry, ACrcThatComesLaterVerifiesOrDrops) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 2 * test_block_bytes);
    const auto cache = rig.open();
    ASSERT_TRUE(rig.fill(*entry_of(*cache, identity)));
    EXPECT_FALSE(entry_of(*cache, identity)->verified());
    EXPECT_TRUE(entry_of(*cache, identity, crc_of(identity))->verified());
    const auto anew = entry_of(*cache, identity, crc_of(identity) + 1);
    EXPECT_FALSE(anew->complete()) << "the store contradicts itself";
}

TEST(Entry, DiscardedBlocksAreFetchedAgainAndTakeNoSpace) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 4 * test_block_bytes + 1);
    const auto cache = rig.open();
    const auto entry = entry_of(*cache, identity);
    const std::uint64_t used = cache->usage().used_bytes, allocated = rig.allocated_bytes();
    ASSERT_TRUE(rig.fill(*entry, {.offset = 0, .length = 2 * test_block_bytes}));
    // Only what lies wholly in the range.
    ASSERT_TRUE(entry->discard({.offset = 1, .length = 2 * test_block_bytes - 1}));
    EXPECT_EQ(entry->present_bytes(), test_block_bytes);
    ASSERT_TRUE(entry->discard({.offset = 0, .length = test_block_bytes}));
    EXPECT_EQ(entry->present_bytes(), 0U);
    EXPECT_EQ(cache->usage().used_bytes, used);
    EXPECT_EQ(rig.allocated_bytes(), allocated);
    ASSERT_TRUE(rig.fill(*entry, {.offset = identity.size_bytes - 1, .length = 1}));
    ASSERT_TRUE(entry->discard({.offset = 4 * test_block_bytes, .length = 1}));
    EXPECT_EQ(cache->usage().used_bytes, used);

    ASSERT_TRUE(rig.fill(*entry));
    EXPECT_EQ(code_of(entry->discard({.length = test_block_bytes})), Code::conflict);
    std::vector<std::byte> all(identity.size_bytes);
    ASSERT_TRUE(entry->read(0, all));
    EXPECT_EQ(all, bytes_of(identity));
}

// Readers, who must never see a hole, while blocks come and go.
TEST(Entry, NobodyReadsWhatIsDiscardedMeanwhile) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 8 * test_block_bytes);
    const auto cache = rig.open(), other = rig.open();
    std::atomic<bool> done = false;
    std::vector<std::thread> readers;
    for (Cache* from : {cache.get(), other.get()})
        readers.emplace_back([&, from] {
            const auto entry = entry_of(*from, identity);
            std::vector<std::byte> out(test_block_bytes);
            for (std::uint64_t i = 0; !done; ++i) {
                const std::uint64_t offset = i % 7 * test_block_bytes + i % 100;
                if (entry->read(offset, out))
                    ASSERT_EQ(out, bytes_of(identity, offset, out.size()));
            }
        });
    const auto entry = entry_of(*cache, identity);
    // The last block stays away, so that the entry is never complete.
    const ByteRange most{.length = 7 * test_block_bytes};
    for (int i = 0; i < 300; ++i) {
        EXPECT_TRUE(rig.fill(*entry, most));
        EXPECT_TRUE(entry->discard(most));
    }
    done = true;
    for (std::thread& reader : readers) reader.join();
}

TEST(Entry, ManyReadersShareOneFetch) {
    const CacheRig rig;
    const ObjectIdentity identity = object(1, 64 * test_block_bytes);
    const auto one = rig.open(), other = rig.open();
    std::atomic<std::uint64_t> fetched = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 16; ++i)
        readers.emplace_back([&, i] {
            const auto entry = entry_of(i % 2 == 0 ? *one : *other, identity, crc_of(identity));
            std::vector<std::byte> out(test_block_bytes);
            for (std::uint64_t at = 0; at < identity.size_bytes; at += out.size()) {
                const ByteRange range{at, out.size()};
                while (code_of(entry->wait(range, in(1h))) == Code::would_block) {
                    Result<std::optional<Claim>> claim = entry->claim(range);
                    ASSERT_TRUE(claim);
                    if (!*claim) continue;
                    fetched += out.size();
                    ASSERT_TRUE((*claim)->fill(bytes_of(identity, at, out.size())));
                }
                ASSERT_TRUE(entry->read(at, out));
                ASSERT_EQ(out, bytes_of(identity, at, out.size()));
            }
            EXPECT_TRUE(entry->verified());
        });
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(fetched, identity.size_bytes);
}

}  // namespace
}  // namespace weir::cache
