#pragma once
// The database as it is open now. When it stopped writing (a failed write or sync of its log, its
// manifest or a table), nothing of what failed is tried again: it stays open to be read until the
// disk takes writes, and is then closed and opened anew, which reads the log as far as it is whole,
// writes what it found into new files, and begins a new log. So what was acknowledged is there, and
// what was under way when it stopped is there whole or not at all, once and for all.
//
// Private to kv/rocksdb. use() and try_use() are safe from any thread; the rest is the committer's
// thread's. A thread that holds a Use may take another one.

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

    // Keeps the database open.
    class Use {
      public:
        Use(Current& current, Database& database) : current_(&current), database_(&database) {}
        Use(Use&& other) noexcept
            : current_(std::exchange(other.current_, nullptr)), database_(other.database_) {}
        Use& operator=(Use&&) = delete;
        ~Use() {
            if (current_ != nullptr) current_->leave();
        }
        Database& operator*() const { return *database_; }
        Database* operator->() const { return database_; }

      private:
        Current* current_;
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
    void leave();
    Result<void> probe();

    const Options options_;
    const Limits& limits_;
    Log& log_;
    io::PosixDisk disk_;
    Mutex mutex_;
    ConditionVariable changed_;
    std::unique_ptr<Database> database_ GUARDED_BY(mutex_);
    std::size_t inside_ GUARDED_BY(mutex_) = 0;
    bool opening_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::kv::rocksdb
