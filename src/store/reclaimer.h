#pragma once
// Gives back what nobody needs any more: the blobs and ranges that rows `g` name once their time
// has come, the partitions of deleted buckets, and the journal's old end. Everything it does may be
// repeated, so a crash, or a second server that does the same, costs nothing.
//
// run_once() does one pass on the caller's thread; Reclaimer runs it on a thread of its own until
// stop().

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"
#include "store/journal_trimmer.h"
#include "store/object_store.h"

namespace weir::store {

struct ReclaimStats {
    std::uint64_t blobs = 0;
    std::uint64_t ranges = 0;
    std::uint64_t partitions = 0;
    std::uint64_t errors = 0;
};

class Reclaimer {
  public:
    // `writer` is this start's number (orphans.h), whose low-water mark each pass moves up.
    Reclaimer(ObjectStore& store, std::uint32_t writer);
    ~Reclaimer() { stop(); }

    void start();
    void stop();

    // Nothing is reclaimed from now on until what this returns is gone, which may not outlive the
    // Reclaimer. Waits for the pass that runs.
    std::shared_ptr<void> pause();

    // Everything whose not-before time is at most `now`.
    Result<void> run_once(UnixNanos now);
    ReclaimStats stats() const;

  private:
    void run();
    Result<void> reclaim_partition(kv::PartitionId partition, UnixNanos now);
    Result<void> bring_forward(kv::PartitionId partition, UnixNanos now);
    Result<void> reclaim_row(kv::PartitionId partition, const kv::Row& row);
    Result<void> reclaim_blob(const meta::Extent& extent);
    Result<bool> release(kv::PartitionId home, const meta::Extent& extent);
    Result<void> reclaim_range(const meta::Extent& extent);
    Result<void> forget_checksums(kv::PartitionId home, const std::string& blob);
    Result<void> drain_partition(kv::PartitionId partition);
    Result<bool> drain_rows(kv::PartitionId partition);
    Result<void> drain_uploads(kv::PartitionId partition);
    Result<void> settle_left();
    Result<void> settle(blob::BlobId blob);
    Result<void> save_low_water();

    ObjectStore& store_;
    const Context& context_;
    std::uint32_t writer_;
    JournalTrimmer journals_;
    std::uint64_t low_water_saved_ = 0;
    std::atomic<std::uint64_t> blobs_ = 0, ranges_ = 0, partitions_ = 0, errors_ = 0;
    Mutex mutex_;
    ConditionVariable wakeup_;
    bool stopping_ GUARDED_BY(mutex_) = false;
    bool passing_ GUARDED_BY(mutex_) = false;
    unsigned pauses_ GUARDED_BY(mutex_) = 0;
    std::thread thread_;
};

}  // namespace weir::store
