#pragma once
// The one thread that changes the database. It takes the batches that wait as a group, checks each
// one's conditions against the database and the batches before it in the group, numbers the journal
// entries, and writes the group with one sync. While it waits for the disk the next group gathers.
//
// Private to kv/rocksdb. submit() is safe from any thread and never blocks; `done` is called by the
// committer's thread.

#include <rocksdb/write_batch.h>

#include <atomic>
#include <deque>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "kv/engine.h"
#include "kv/rocksdb/database.h"

namespace weir::kv::rocksdb {

class Committer {
  public:
    Committer(Database& database, const Limits& limits, Log& log);
    ~Committer() { stop(); }

    // Reads the partitions and the last sequence, then starts the thread.
    Result<void> start();
    // Commits what waits, then ends the thread; later submissions fail with unavailable.
    void stop();

    enum class Kind { change, create_partition, drop_partition };
    struct Job {
        Kind kind = Kind::change;
        PartitionId partition;
        Batch batch;
        CommitDone done;
    };
    void submit(Job job);

    bool has_partition(PartitionId partition) const;
    Stats stats() const;

  private:
    // What a group has changed so far, by full key: the new value, or nullopt for a removed row.
    // Views into the group.
    using Overlay = std::unordered_map<std::string, std::optional<std::string_view>>;

    void run();
    std::vector<Job> take_group();
    void commit_group(std::vector<Job> group);
    Result<Committed> add(const Job& job, ::rocksdb::WriteBatch& writes, Overlay& overlay);
    Result<bool> holds(PartitionId partition, const Condition& condition,
                       const Overlay& overlay) const;
    Result<void> write(::rocksdb::WriteBatch& writes);

    Database& database_;
    const Limits& limits_;
    Log& log_;
    Sequence last_sequence_ = 0;  // the committer's thread only
    bool write_failed_ = false;   // likewise

    mutable Mutex mutex_;
    ConditionVariable waiting_;
    std::deque<Job> queue_ GUARDED_BY(mutex_);
    std::unordered_set<std::uint64_t> partitions_ GUARDED_BY(mutex_);
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::atomic<std::uint64_t> groups_ = 0, batches_ = 0, conflicts_ = 0;
    std::thread thread_;
};

}  // namespace weir::kv::rocksdb
