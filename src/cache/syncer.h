#pragma once
// Makes complete entries durable, one after the other, on a thread of its own: nobody who reads or
// fills waits for it. An entry that finds the queue full stays as it is: it is read again after a
// power cut, instead of trusted.
//
// Owned by a Cache; safe from any thread. Holds an entry until it is done. What fails is logged.

#include <cstddef>
#include <deque>
#include <memory>
#include <thread>

#include "base/log.h"
#include "base/mutex.h"
#include "cache/entry.h"

namespace weir::cache {

class Syncer {
  public:
    explicit Syncer(Log& log);
    // Does not wait for what is queued.
    ~Syncer();

    void add(const std::shared_ptr<Entry>& entry) EXCLUDES(mutex_);
    // Entries that are held: those that wait, and the one that is being synced.
    std::size_t held() const EXCLUDES(mutex_);

  private:
    void run() EXCLUDES(mutex_);
    std::shared_ptr<Entry> next() EXCLUDES(mutex_);
    void done() EXCLUDES(mutex_);

    Log* log_;
    mutable Mutex mutex_;
    ConditionVariable changed_;
    std::deque<std::shared_ptr<Entry>> queue_ GUARDED_BY(mutex_);
    bool syncing_ GUARDED_BY(mutex_) = false;
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace weir::cache
