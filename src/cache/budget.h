#pragma once
// The bytes that a cache folder may take, all processes together. Who wants more reserves it first,
// and evicts what was used longest ago where that is too much: whole entries, of two as old the
// partial one first, none that is in use or pinned, until cache_low_water_percent is left.
//
// The bound: what lies in the folder is never more than `bytes_max` and one block for each fill or
// discard under way while somebody counted the folder. What is more than a block goes, or moves,
// only while nobody counts. A process that dies between reserving and writing
// leaves the counter too high, until the next count: when somebody evicts, or opens the folder
// alone.
//
// Owned by a Cache; safe from any thread. no_space where nothing can be evicted.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/index.h"
#include "cache/shelf.h"
#include "cache/write_files.h"

namespace weir::cache {

class Budget {
  public:
    struct Evicted {
        std::uint64_t entries = 0;
        std::uint64_t bytes = 0;
    };

    Budget(std::uint64_t bytes_max, Index& index, const Shelf& shelf, const WriteFiles& writes,
           Log& log)
        : bytes_max_(bytes_max), index_(&index), shelf_(&shelf), writes_(&writes), log_(&log) {}

    // Counts the folder: called by whoever has it for itself.
    Result<void> count();

    Result<void> reserve(std::uint64_t bytes);
    // Of bytes that were reserved, and are not there (any more).
    void release(std::uint64_t bytes) { index_->subtract(bytes); }
    // Calls, and calls again, where the disk was full whatever the budget says, as long as
    // something can be evicted: `reserved` bytes or more, which were reserved for it.
    template <typename Call>
    auto with_room(std::uint64_t reserved, Call call) {
        for (;;) {
            auto result = call();
            // Ends: each turn evicts something, or is the last.
            if (result || result.error().code() != Code::no_space || !make_room(reserved))
                return result;
        }
    }
    // What was `before` is `after` now, whatever the bound.
    void adjust(std::uint64_t before, std::uint64_t after) { index_->correct(before, after); }
    // The entry whose data this is, if it still has that name: whoever uses it keeps the bytes
    // until he closes it.
    Result<void> remove_entry(const std::string& id, const FileNumber& data);
    Result<void> remove_write(const std::string& id, std::uint64_t bytes);
    // Held while bytes move within the folder.
    Result<IndexLock> lock_counting() const { return index_->lock_evicting(); }
    // Something that was in use may be evicted now.
    void note_release() { index_->count_release(); }

    std::uint64_t bytes_max() const { return bytes_max_; }
    std::uint64_t used_bytes() const { return index_->used_bytes(); }
    // By this process.
    Evicted evicted() const EXCLUDES(mutex_);

  private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    // no_space if nothing could be evicted.
    Result<void> make_room(std::uint64_t pending);
    // Brings what is used below the low-water mark; `pending` is reserved, and not there yet.
    Result<void> evict_to_budget(std::uint64_t pending);
    // Of the oldest, until so much is freed; how much it was.
    Result<std::uint64_t> evict(std::vector<SeenEntry> entries, std::uint64_t bytes);
    Result<std::vector<SeenEntry>> count_anew(std::uint64_t pending);
    bool known_to_be_full() const EXCLUDES(mutex_);
    void remember_full(std::uint64_t releases) EXCLUDES(mutex_);

    const std::uint64_t bytes_max_;
    Index* index_;
    const Shelf* shelf_;
    const WriteFiles* writes_;
    Log* log_;

    mutable Mutex mutex_;
    Evicted evicted_ GUARDED_BY(mutex_);
    // Nothing could be evicted when so much had been released; a count is long, and so not made
    // again for each block.
    std::uint64_t full_releases_ GUARDED_BY(mutex_) = 0;
    SteadyTime full_until_ GUARDED_BY(mutex_);
};

}  // namespace weir::cache
