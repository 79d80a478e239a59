#pragma once
// One version of one object in a cache, as far as it has been fetched: a sparse file of the
// object's exact size, and for each block whether it is there. Whoever misses a block claims it,
// fetches it and fills it in; whoever finds it claimed waits. Processes and threads do so alike,
// and each block is fetched once.
//
// Shared by its users: while one holds it, no process evicts it. A complete entry is never written
// again, and its file may be handed to the kernel. Safe from any thread; a Claim belongs to one
// thread at a time. An entry that turns out not to be what the store says, or that its disk did not
// keep, is dropped: from then on everything on it fails with corrupt, and the cache makes a new
// one.
//
// After a power cut a block counts as there only if its bytes still have the CRC64NVME that they
// had when they came, or all of the entry was synced before; a cache looks when it opens the entry
// for the first time since.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/budget.h"
#include "cache/shelf.h"
#include "cache/state.h"

namespace weir::cache {

class Claim;
class Entry;

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool operator==(const ByteRange&) const = default;
};

// What all entries of a cache stand on; outlives them.
struct EntryGround {
    Budget* budget;
    const Shelf* shelf;
    const Index* index;
    const Clock* clock;
    Log* log;
    std::function<void(const std::shared_ptr<Entry>&)> completed;
};

class Entry : public std::enable_shared_from_this<Entry> {
  public:
    using Deadline = std::chrono::steady_clock::time_point;

    // For Cache. The in-use byte is locked, shared.
    Entry(const EntryGround& ground, std::string id, EntryFiles files, State state);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    const ObjectIdentity& identity() const { return facts_.identity; }
    std::uint64_t size_bytes() const { return facts_.identity.size_bytes; }
    std::uint64_t block_bytes() const { return facts_.block_bytes; }

    // Every byte is there, and the whole has the CRC64NVME that the store gave, if it gave one.
    bool complete() const { return state_.has(complete_flag); }
    bool verified() const { return state_.has(verified_flag); }
    bool durable() const { return state_.has(durable_flag); }
    bool dropped() const { return state_.has(dropped_flag); }

    bool present(ByteRange range) const;
    // How many bytes from `offset` on are there without a gap.
    std::uint64_t present_bytes(std::uint64_t offset) const;
    std::uint64_t present_bytes() const;

    // would_block if a byte is missing; invalid_range past the end. Bytes of an entry that is not
    // complete are what was filled in, and not compared with the store's checksum of the whole yet.
    Result<void> read(std::uint64_t offset, std::span<std::byte> out) const;
    // Until the range is there. would_block as soon as a block of it is missing and nobody fetches
    // it: claim it. timeout.
    Result<void> wait(ByteRange range, Deadline deadline) const;

    // The first blocks of the range that are missing and that nobody fetches, as many as lie in a
    // row; nullopt if there are none.
    Result<std::optional<Claim>> claim(ByteRange range);

    // Takes away the blocks that lie wholly in the range, for files that are too large to keep: the
    // file is punched behind the reader, and the budget has its bytes back. Those that are being
    // fetched stay. conflict if the entry is complete: it may be in the kernel's hands.
    Result<void> discard(ByteRange range) EXCLUDES(settling_);

    // To read only; open as long as this Entry is. would_block until the entry is complete: a hole
    // would read as zeros, and a block may be discarded.
    Result<int> descriptor() const EXCLUDES(mutex_);

    // A complete entry outlasts a power cut from here on: data, then mark, then state, each synced.
    // Slow; the cache does it by itself on a thread of its own. Where the disk could not take the
    // data, the kernel may have lost it, and the entry is dropped.
    Result<void> make_durable();

    // A pinned entry is never evicted, also when nobody uses it.
    void pin() { state_.set(pinned_flag); }
    void unpin();
    bool pinned() const { return state_.has(pinned_flag); }

    // For Cache: what the store says that the CRC64NVME of the whole is.
    Result<void> expect_crc(std::uint64_t crc) EXCLUDES(settling_);
    // For Cache: finishes what a process died in the middle of.
    Result<void> settle_if_full() EXCLUDES(settling_);

  private:
    friend class Claim;

    std::uint64_t blocks() const { return facts_.layout.blocks; }
    std::uint64_t bytes_of(std::uint64_t block) const;
    std::uint64_t pages_of(std::uint64_t block) const;
    std::uint64_t first_block(ByteRange range) const { return range.offset / block_bytes(); }
    std::uint64_t end_block(ByteRange range) const;
    Result<void> check_range(ByteRange range) const;
    Error is_dropped() const;

    bool try_claim(std::uint64_t block, Result<bool>& locked) EXCLUDES(mutex_);
    void release(std::uint64_t block) EXCLUDES(mutex_);
    Result<bool> claimed(std::uint64_t block) const EXCLUDES(mutex_);
    // The bytes of the block are in the file.
    Result<void> fill_in(std::uint64_t block, std::uint64_t crc);
    Result<void> settle() REQUIRES(settling_);
    Result<void> discard_blocks(std::uint64_t begin, std::uint64_t end) REQUIRES(settling_);
    Result<void> discard_block(std::uint64_t block);
    // Nobody uses it any more, for this reason; which is returned.
    Result<void> drop(Error reason);
    Error contradiction(std::uint64_t here, std::uint64_t store) const;

    const EntryGround& ground_;
    const std::string id_;
    EntryFiles files_;
    const StateFacts& facts_;
    mutable State state_;

    Mutex writing_;  // blocks of the data, one thread at a time
    // Whether an entry is complete is decided by one at a time, here and (settling_byte) elsewhere.
    Mutex settling_;
    mutable Mutex mutex_;
    std::set<std::uint64_t> claimed_
        GUARDED_BY(mutex_);  // by this Entry, whose locks are one's own
    mutable Descriptor to_read_ GUARDED_BY(mutex_);
};

}  // namespace weir::cache
