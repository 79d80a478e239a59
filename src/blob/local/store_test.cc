#include "blob/local/store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "io/fake_disk.h"

namespace weir::blob::local {
namespace {

using io::DiskCall;
using io::FakeDisk;

constexpr std::uint64_t page_bytes = FakeDisk::page_bytes;

// Bytes of which no page is like another.
std::string content(char tag, std::size_t size_bytes) {
    std::string bytes(size_bytes, tag);
    for (std::size_t at = 0; at < size_bytes; at += 64)
        bytes[at] = static_cast<char>(at / 64 % 251 + 1);
    return bytes;
}

// What was acknowledged, and so must be there whatever happens after.
struct Acknowledged {
    std::map<std::pair<BlobId, std::uint64_t>, std::string> ranges;  // by blob and offset
    std::map<BlobId, std::uint64_t> sizes;                           // of the sealed ones
};

Result<void> put(Store& store, const std::string& bytes, Acknowledged& done) {
    TRY(const std::unique_ptr<Writer> writer, store.create({.size_bytes = bytes.size()}));
    const auto write = [&]() -> Result<void> {
        const std::size_t half = bytes.size() / 2;
        TRY_VOID(writer->write_at(half, as_bytes(std::string_view(bytes).substr(half))));
        TRY_VOID(writer->write_at(0, as_bytes(std::string_view(bytes).substr(0, half))));
        return writer->seal(bytes.size());
    };
    Result<void> written = write();
    if (!written) {
        writer->discard();
        return written;
    }
    done.ranges[{writer->id(), 0}] = bytes;
    done.sizes[writer->id()] = bytes.size();
    return {};
}

// An upload whose parts share a blob: the last one comes first, and each counts once it is synced.
Result<void> put_parts(Store& store, Acknowledged& done) {
    TRY(const std::unique_ptr<Writer> writer, store.create({.size_bytes = std::nullopt}));
    const std::uint64_t stride_bytes = 3 * page_bytes;
    const auto put_part = [&](std::uint64_t part, std::size_t size_bytes) -> Result<void> {
        const std::string bytes = content(static_cast<char>('p' + part), size_bytes);
        TRY_VOID(writer->write_at(part * stride_bytes, as_bytes(bytes)));
        TRY_VOID(writer->sync());
        done.ranges[{writer->id(), part * stride_bytes}] = bytes;
        return {};
    };
    TRY_VOID(put_part(2, 777));
    TRY_VOID(put_part(0, stride_bytes));
    TRY_VOID(put_part(1, stride_bytes));
    TRY_VOID(writer->write_at(3 * stride_bytes, as_bytes("a part that never came through")));
    TRY_VOID(writer->seal(2 * stride_bytes + 777));
    done.sizes[writer->id()] = 2 * stride_bytes + 777;
    return {};
}

// All that a server does to a store, in a fixed order; goes on after an error as a server would.
// True if nothing failed.
bool run_workload(FakeDisk& disk, Log& log, Acknowledged& done) {
    const Result<std::unique_ptr<Store>> store =
        Store::open({.root = "/data/blobs", .writer = 1}, disk, log);
    if (!store) return false;
    bool whole = put(**store, content('a', 5 * page_bytes + 11), done).has_value();
    whole &= put_parts(**store, done).has_value();
    whole &= put(**store, content('b', MiB + 5), done).has_value();
    if (!done.sizes.empty()) {
        const BlobId removed = done.sizes.begin()->first;
        std::erase_if(done.ranges, [&](const auto& range) { return range.first.first == removed; });
        done.sizes.erase(removed);
        whole &= (*store)->remove(removed).has_value();
    }
    whole &= put(**store, content('c', 1), done).has_value();
    return whole;
}

void expect_there(Store& store, const Acknowledged& done, const std::string& when) {
    for (const auto& [place, bytes] : done.ranges) {
        const Result<std::shared_ptr<const Reader>> reader = store.open(place.first);
        ASSERT_TRUE(reader) << when << ": " << reader.error().describe();
        std::string found(bytes.size(), '?');
        ASSERT_TRUE((*reader)->read_at(place.second, std::as_writable_bytes(std::span(found))))
            << when;
        ASSERT_TRUE(found == bytes) << when << ": blob " << place.first.text();
    }
    for (const auto& [id, size_bytes] : done.sizes)
        ASSERT_EQ(store.open(id).value()->size_bytes(), size_bytes) << when;
}

// A new start finds what was acknowledged, can remove all else, and can go on.
void expect_recovers(FakeDisk& disk, Log& log, Acknowledged done, const std::string& when) {
    const Result<std::unique_ptr<Store>> store =
        Store::open({.root = "/data/blobs", .writer = 2}, disk, log);
    ASSERT_TRUE(store) << when << ": " << store.error().describe();
    expect_there(**store, done, when);
    std::vector<BlobId> orphans;
    ASSERT_TRUE((*store)->list({}, [&](const BlobInfo& info) {
        if (done.ranges.lower_bound({info.id, 0}) == done.ranges.end() ||
            done.ranges.lower_bound({info.id, 0})->first.first != info.id)
            orphans.push_back(info.id);
        return true;
    }));
    for (const BlobId orphan : orphans) ASSERT_TRUE((*store)->remove(orphan)) << when;
    ASSERT_TRUE(put(**store, content('n', page_bytes), done)) << when;
    std::vector<BlobId> left;
    ASSERT_TRUE((*store)->list({}, [&](const BlobInfo& info) {
        left.push_back(info.id);
        return true;
    }));
    std::set<BlobId> expected;
    for (const auto& [place, bytes] : done.ranges) expected.insert(place.first);
    ASSERT_EQ(std::set<BlobId>(left.begin(), left.end()), expected) << when;
    disk.crash(0);
    const Result<std::unique_ptr<Store>> again =
        Store::open({.root = "/data/blobs", .writer = 3}, disk, log);
    ASSERT_TRUE(again) << when;
    expect_there(**again, done, when + ", and once more");
}

class LocalStoreOnFakeDisk : public ::testing::Test {
  protected:
    const std::shared_ptr<Log> log_ = null_log();
};

TEST_F(LocalStoreOnFakeDisk, KeepsWhatItAcknowledgedWheneverThePowerGoes) {
    std::uint64_t cuts = 0;
    for (bool whole = false; !whole; ++cuts) {
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
            const std::string when = fmt::format("power cut at call {}, seed {}", cuts + 1, seed);
            FakeDisk disk;
            Acknowledged done;
            disk.cut_power(cuts + 1);
            whole = run_workload(disk, *log_, done);
            disk.crash(seed);
            expect_recovers(disk, *log_, done, when);
            if (HasFatalFailure()) return;
        }
    }
    EXPECT_GT(cuts, 40u);
}

TEST_F(LocalStoreOnFakeDisk, KeepsWhatItAcknowledgedWhicheverCallFails) {
    FakeDisk counted;
    Acknowledged ignored;
    ASSERT_TRUE(run_workload(counted, *log_, ignored));
    for (std::uint64_t nth = 1; nth <= counted.calls(); ++nth) {
        for (const int error_number : {EIO, ENOSPC}) {
            for (std::uint64_t seed = 0; seed < 3; ++seed) {
                const std::string when =
                    fmt::format("errno {} at call {}, seed {}", error_number, nth, seed);
                FakeDisk disk;
                Acknowledged done;
                disk.fail_any(nth, error_number);
                run_workload(disk, *log_, done);
                disk.crash(seed);
                expect_recovers(disk, *log_, done, when);
                if (HasFatalFailure()) return;
            }
        }
    }
}

// Many uploads at once, so that syncs are shared, and the power goes in the middle.
TEST_F(LocalStoreOnFakeDisk, KeepsWhatItAcknowledgedToManyAtOnce) {
    for (std::uint64_t cut = 5; cut < 300; cut += 23) {
        FakeDisk disk;
        std::vector<Acknowledged> done(4);
        const std::unique_ptr<Store> store =
            *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
        disk.cut_power(cut);
        std::vector<std::thread> threads;
        for (Acknowledged& mine : done) {
            threads.emplace_back([&] {
                for (int round = 0; round < 10; ++round) {
                    if (!put(*store, content('t', 2 * page_bytes + 1), mine)) return;
                    if (!put_parts(*store, mine)) return;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        disk.crash(cut);
        Acknowledged all;
        for (Acknowledged& mine : done) {
            all.ranges.merge(mine.ranges);
            all.sizes.merge(mine.sizes);
        }
        expect_recovers(disk, *log_, all, fmt::format("power cut at call {}", cut));
        if (HasFatalFailure()) return;
    }
}

// Parts of an upload share a file. The kernel tells a lost write to one of those who sync; the
// other may not take the next, successful sync for its own.
TEST_F(LocalStoreOnFakeDisk, NeverTrustsAFileAgainWhoseSyncFailed) {
    FakeDisk disk;
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
    const std::unique_ptr<Writer> writer = *store->create({.size_bytes = std::nullopt});
    ASSERT_TRUE(writer->write_at(0, as_bytes("one part")));
    ASSERT_TRUE(writer->write_at(page_bytes, as_bytes("another part")));
    disk.fail(DiskCall::sync, 1, EIO);
    EXPECT_EQ(writer->sync().error().code(), Code::io_error);
    EXPECT_EQ(writer->sync().error().code(), Code::io_error);
    EXPECT_EQ(writer->seal(2 * page_bytes).error().code(), Code::io_error);
    writer->discard();
    Acknowledged done;
    EXPECT_TRUE(put(*store, "another blob is none the worse", done));
    disk.crash(0);
    expect_recovers(disk, *log_, done, "after a failed sync");
}

TEST_F(LocalStoreOnFakeDisk, MakesNoBlobsInADirectoryWhoseSyncFailed) {
    FakeDisk disk;
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
    const std::unique_ptr<Writer> writer = *store->create({.size_bytes = std::nullopt});
    const std::unique_ptr<Writer> other = *store->create({.size_bytes = std::nullopt});
    disk.fail(DiskCall::sync_directory, 1, EIO);
    EXPECT_EQ(writer->sync().error().code(), Code::io_error);
    EXPECT_EQ(other->sync().error().code(), Code::io_error);
    // Nor are blobs made there again; another directory is as good.
    Acknowledged done;
    EXPECT_TRUE(put(*store, "in another directory", done));
    EXPECT_NE(done.sizes.begin()->first.sequence >> 12, writer->id().sequence >> 12);
    disk.crash(0);
    expect_recovers(disk, *log_, done, "after a failed sync of a directory");
}

TEST_F(LocalStoreOnFakeDisk, MakesADirectoryAnewWhoseNameCouldNotBeMadeDurable) {
    for (std::uint64_t failing = 1; failing <= 2; ++failing) {
        FakeDisk disk;
        const std::unique_ptr<Store> store =
            *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
        // Of the root, for the writer's; or of the writer's, for the first of its own.
        disk.fail(DiskCall::sync_directory, failing, EIO);
        EXPECT_EQ(store->create({}).error().code(), Code::io_error);
        const std::uint64_t before = disk.calls(DiskCall::make_directory);
        Acknowledged done;
        EXPECT_TRUE(put(*store, "made anew", done));
        EXPECT_EQ(disk.calls(DiskCall::make_directory) - before, failing == 1 ? 2u : 1u);
        disk.crash(0);
        expect_recovers(disk, *log_, done, "after a directory could not be made");
    }
}

TEST_F(LocalStoreOnFakeDisk, SaysThatABlobCouldNotBeDiscarded) {
    FakeDisk disk;
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
    const std::unique_ptr<Writer> writer = *store->create({});
    disk.fail(DiskCall::remove, 1, EROFS);
    EXPECT_FALSE(writer->discard());
    EXPECT_TRUE(writer->discard());
}

TEST_F(LocalStoreOnFakeDisk, SyncsADirectoryOnceForAllWhoWaitForIt) {
    FakeDisk disk;
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
    const std::unique_ptr<Writer> writer = *store->create({.size_bytes = std::nullopt});
    ASSERT_TRUE(writer->sync());
    const std::uint64_t before = disk.calls(DiskCall::sync_directory);
    ASSERT_TRUE(writer->write_at(0, as_bytes("x")));
    ASSERT_TRUE(writer->sync());
    ASSERT_TRUE(writer->seal(1));
    EXPECT_EQ(disk.calls(DiskCall::sync_directory), before);  // the name is durable already
}

TEST_F(LocalStoreOnFakeDisk, FindsOutEarlyThatADiskIsFull) {
    FakeDisk disk(4 * MiB);
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1, .reserve_bytes = MiB}, disk, *log_);
    EXPECT_EQ(store->space()->free_bytes, 3 * MiB);
    EXPECT_EQ(store->create({.size_bytes = 4 * MiB}).error().code(), Code::no_space);
    // Granted is granted, also before a byte of it was written.
    const std::unique_ptr<Writer> first = *store->create({.size_bytes = 2 * MiB});
    EXPECT_EQ(store->create({.size_bytes = 2 * MiB}).error().code(), Code::no_space);
    // What a short body leaves of its reservation is free again.
    ASSERT_TRUE(first->write_at(0, as_bytes("short")));
    ASSERT_TRUE(first->seal(5));
    EXPECT_GE(store->space()->free_bytes, 3 * MiB - page_bytes);
    ASSERT_TRUE(store->remove(first->id()));
    EXPECT_TRUE(store->create({.size_bytes = 2 * MiB}));
}

// Parts of uploads and bodies of unknown length come without a size.
TEST_F(LocalStoreOnFakeDisk, KeepsTheReserveFreeOfWhatCameWithoutASize) {
    FakeDisk disk(8 * MiB);
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1, .reserve_bytes = 4 * MiB}, disk, *log_);
    const std::unique_ptr<Writer> writer = *store->create({.size_bytes = std::nullopt});
    const std::string mebibyte = content('x', MiB);
    std::uint64_t written = 0;
    Result<void> outcome;
    while ((outcome = writer->write_at(written, as_bytes(mebibyte)))) {
        written += MiB;
        ASSERT_LE(written, 4 * MiB);
    }
    EXPECT_EQ(outcome.error().code(), Code::no_space);
    EXPECT_GE(written, 3 * MiB);
    EXPECT_EQ(store->room_for(MiB).error().code(), Code::no_space);
    writer->discard();
}

TEST_F(LocalStoreOnFakeDisk, OpensOnlySoManyBlobsAtOnce) {
    FakeDisk disk;
    constexpr std::size_t descriptors_max = 8;
    const std::unique_ptr<Store> store = *Store::open(
        {.root = "/data/blobs", .writer = 1, .descriptors_max = descriptors_max}, disk, *log_);
    Acknowledged done;
    for (std::size_t i = 0; i < 2 * descriptors_max; ++i) ASSERT_TRUE(put(*store, "x", done));
    // One after the other they never reach the bound: half of it is kept open.
    for (const auto& [id, size_bytes] : done.sizes) ASSERT_TRUE(store->open(id));
    EXPECT_EQ(store->open_count(), descriptors_max / 2);
    EXPECT_EQ(store->descriptors(), descriptors_max / 2);
    std::vector<std::shared_ptr<const Reader>> readers;
    Result<std::shared_ptr<const Reader>> reader;
    for (const auto& [id, size_bytes] : done.sizes) {
        reader = store->open(id);
        if (!reader) break;
        readers.push_back(*reader);
    }
    EXPECT_EQ(reader.error().code(), Code::slow_down);
    EXPECT_LE(store->descriptors(), descriptors_max);
    // What was handed on counts until it is let go, whoever has it.
    std::optional<FileRange> range = readers.back()->file_range(0, 1);
    readers.clear();
    EXPECT_TRUE(store->open(done.sizes.rbegin()->first));
}

TEST_F(LocalStoreOnFakeDisk, RemovesTheEmptyFoldersOfEarlierStarts) {
    FakeDisk disk;
    {
        const std::unique_ptr<Store> store =
            *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
        Acknowledged done;
        ASSERT_TRUE(put(*store, "x", done));
        ASSERT_TRUE(store->remove(done.sizes.begin()->first));
    }
    Acknowledged kept;
    {
        const std::unique_ptr<Store> store =
            *Store::open({.root = "/data/blobs", .writer = 2}, disk, *log_);
        ASSERT_TRUE(put(*store, "y", kept));
    }
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 3}, disk, *log_);
    EXPECT_EQ(*disk.list("/data/blobs"), std::vector<std::string>{"00000002"});
    expect_there(*store, kept, "after the others were swept");
}

TEST_F(LocalStoreOnFakeDisk, LeavesNothingWhenSpaceCannotBeReserved) {
    FakeDisk disk;
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
    disk.fail(DiskCall::reserve, 1, ENOSPC);
    EXPECT_EQ(store->create({.size_bytes = 2 * MiB}).error().code(), Code::no_space);
    ASSERT_TRUE(store->list({}, [](const BlobInfo&) {
        ADD_FAILURE();
        return false;
    }));
}

TEST_F(LocalStoreOnFakeDisk, TellsWhatAPunchedBlobStillTakes) {
    FakeDisk disk;
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
    Acknowledged done;
    ASSERT_TRUE(put(*store, content('x', 16 * page_bytes), done));
    ASSERT_TRUE(store->punch(done.sizes.begin()->first, page_bytes, 8 * page_bytes));
    ASSERT_TRUE(store->list({}, [](const BlobInfo& info) {
        EXPECT_EQ(info.size_bytes, 16 * page_bytes);
        EXPECT_EQ(info.allocated_bytes, 8 * page_bytes);
        return true;
    }));
}

TEST_F(LocalStoreOnFakeDisk, ListsBlobsOfEveryStartInOrderAndNothingElse) {
    FakeDisk disk;
    std::vector<BlobId> ids;
    for (const std::uint32_t writer : {3u, 10u, 0xffffffffu}) {
        const std::unique_ptr<Store> store =
            *Store::open({.root = "/data/blobs", .writer = writer}, disk, *log_);
        for (int i = 0; i < 4100; ++i) ids.push_back((*store->create({}))->id());
    }
    ASSERT_TRUE(disk.create("/data/blobs/lost+found"));
    ASSERT_TRUE(disk.create("/data/blobs/00000003/0000000000000/not a blob"));
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 11}, disk, *log_);
    for (const std::size_t from : {std::size_t{0}, std::size_t{4095}, std::size_t{4100 + 4096}}) {
        std::vector<BlobId> found;
        ASSERT_TRUE(store->list(ids[from], [&](const BlobInfo& info) {
            found.push_back(info.id);
            return true;
        }));
        EXPECT_EQ(found,
                  std::vector<BlobId>(ids.begin() + static_cast<std::ptrdiff_t>(from), ids.end()));
    }
    EXPECT_EQ(blob_path("/data/blobs", ids[4100 + 4096]),
              "/data/blobs/0000000a/0000000000001/000000000000000a0000000000001000");
}

// A reader that was being opened while its blob was removed may not stay in the cache: it would
// keep the disk space.
TEST_F(LocalStoreOnFakeDisk, KeepsNoRemovedBlobOpen) {
    FakeDisk disk;
    const std::unique_ptr<Store> store =
        *Store::open({.root = "/data/blobs", .writer = 1}, disk, *log_);
    for (int round = 0; round < 300; ++round) {
        Acknowledged done;
        ASSERT_TRUE(put(*store, "x", done));
        const BlobId id = done.sizes.begin()->first;
        std::atomic<bool> removed = false;
        std::thread opener([&] {
            while (!removed) static_cast<void>(store->open(id));
        });
        ASSERT_TRUE(store->remove(id));
        removed = true;
        opener.join();
        ASSERT_EQ(store->try_open(id), nullptr);
        ASSERT_EQ(store->open(id).error().code(), Code::not_found);
    }
}

}  // namespace
}  // namespace weir::blob::local
