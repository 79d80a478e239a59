#pragma once
// The one thread that changes the database. It takes the batches that wait as a group, checks each
// one's conditions against the database and the batches before it in the group, numbers the journal
// entries, and writes the group with one sync. While it waits for the disk the next group gathers.
//
// A write that fails fails its whole group, of which nobody knows then whether it happened. No
// other follows until the database was opened anew (current.h): what comes meanwhile is refused
// with read_only, untried. The thread tries by itself, and at every group, though not all the time.
//
// Private to kv/rocksdb. submit() is safe from any thread and never blocks; `done` is called by the
// committer's thread.

#include <rocksdb/write_batch.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "kv/engine.h"
#include "kv/journal_watches.h"
#include "kv/rocksdb/current.h"
#include "kv/rocksdb/hot_rows.h"
#include "kv/rocksdb/recent_writes.h"

namespace weir::kv::rocksdb {

class Committer {
  public:
    Committer(Current& current, HotRows& hot_rows, const Limits& limits, Log& log);
    ~Committer() { stop(); }

    // Reads the partitions and the last sequence, then starts the thread.
    Result<void> start();
    // Commits what waits, then ends the thread; later submissions fail with unavailable.
    void stop();

    enum class Kind { change, create_partition, drop_partition, trim_journal };
    struct Job {
        Kind kind = Kind::change;
        PartitionId partition;
        Batch batch;
        Sequence trim_before = 0;
        CommitDone done;
    };
    void submit(Job job);

    bool has_partition(PartitionId partition) const;
    Moment moment() const { return recent_.now(); }
    // Every journal entry up to it can be read, or never will.
    Sequence visible_sequence() const { return visible_sequence_; }
    JournalWatches& watches() { return watches_; }
    Stats stats() const;

  private:
    // What a group has changed so far, by full key: the new value, or nullopt for a removed row.
    // Views into the group.
    using Overlay = std::unordered_map<std::string, std::optional<std::string_view>>;

    using SteadyTime = std::chrono::steady_clock::time_point;

    void run();
    bool take_group(std::vector<Job>& group);
    void commit_group(std::vector<Job> group);
    void tell_watches(const std::vector<Job>& group,
                      const std::vector<Result<Committed>>& outcomes);
    void add_all(const std::vector<Job>& group, ::rocksdb::WriteBatch& writes,
                 std::vector<Result<Committed>>& outcomes);
    Result<Committed> add(const Job& job, ::rocksdb::WriteBatch& writes, Overlay& overlay);
    Result<bool> holds(const Job& job, const Condition& condition, const Overlay& overlay) const;
    Result<bool> holds(const Job& job, const RangeCondition& condition,
                       const Overlay& overlay) const;
    Result<bool> all_hold(const Job& job, const Overlay& overlay) const;
    static bool concerns_hot_rows(const Job& job);
    Result<void> write(::rocksdb::WriteBatch& writes);
    Result<void> load();
    Result<void> prove();
    Result<void> recover();
    void pause();

    Current& current_;
    HotRows& hot_rows_;
    const Limits& limits_;
    Log& log_;
    JournalWatches watches_;
    std::atomic<Sequence> visible_sequence_ = 0;
    // The committer's thread only.
    Database* database_ = nullptr;
    Sequence last_sequence_ = 0;
    RecentWrites recent_;         // but for moment()
    std::optional<Error> cause_;  // why nothing can be written
    std::chrono::milliseconds pause_{0};
    SteadyTime try_again_;

    mutable Mutex mutex_;
    ConditionVariable waiting_;
    std::deque<Job> queue_ GUARDED_BY(mutex_);
    std::unordered_set<std::uint64_t> partitions_ GUARDED_BY(mutex_);
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::atomic<std::uint64_t> groups_ = 0, batches_ = 0, conflicts_ = 0;
    std::thread thread_;
};

}  // namespace weir::kv::rocksdb
