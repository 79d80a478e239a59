#pragma once
// The database as it is open now. When it stopped writing (a failed write or sync of its log, its
// manifest or a table), nothing of what failed is tried again: it stays open to be read until the
// disk takes writes, and is then closed and opened anew, which reads the log as far as it is whole,
// writes what it found into new files, and begins a new log. So what was acknowledged is there, and
// what was under way when it stopped is there whole or not at all, once and for all.
//
// Private to kv/rocksdb. use() and try_use() are safe from any thread and, unless it is being
// opened anew, take no lock; the rest is the committer's thread's. A thread that holds a Use may
// take another one.

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "io/posix_disk.h"
#include "kv/rocksdb/database.h"

namespace weir::kv::rocksdb {

class Current {
  public:
    Current(Options options, const Limits& limits, Log& log)
        : options_(std::move(options)), limits_(limits), log_(log) {}

    Result<void> open();

    // How many threads are inside; several counters, so that cores do not share a cache line.
    struct alignas(64) Counter {
        std::atomic<std::size_t> inside = 0;
    };

    // Keeps the database open, until the thread that took it gives it up.
    class Use {
      public:
        Use(Current& current, Counter& counter, Database& database)
            : current_(&current), counter_(&counter), database_(&database) {}
        Use(Use&& other) noexcept
            : current_(std::exchange(other.current_, nullptr)),
              counter_(other.counter_),
              database_(other.database_) {}
        Use& operator=(Use&&) = delete;
        ~Use() {
            if (current_ != nullptr) current_->leave(*counter_);
        }
        Database& operator*() const { return *database_; }
        Database* operator->() const { return database_; }

      private:
        Current* current_;
        Counter* counter_;
        Database* database_;
    };
    // Waits while it is being opened anew.
    Result<Use> use() { return enter(true); }
    // would_block instead of waiting.
    Result<Use> try_use() { return enter(false); }

    Database& own();
    // Opens it anew. After a failure it is open to be read.
    Result<void> reopen();

  private:
    Result<Use> enter(bool wait);
    void leave(Counter& counter);
    bool anybody_inside() const;
    Result<void> probe();

    const Options options_;
    const Limits& limits_;
    Log& log_;
    io::PosixDisk disk_;
    Mutex mutex_;
    ConditionVariable changed_;
    std::unique_ptr<Database> database_;       // changed only while nobody is inside
    std::atomic<Database*> in_use_ = nullptr;  // the same, for who is not the committer
    std::atomic<bool> opening_ = false;        // set and cleared under the lock
    std::array<Counter, 16> counters_;
};

}  // namespace weir::kv::rocksdb
