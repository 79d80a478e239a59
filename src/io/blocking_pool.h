#pragma once
// Threads for what may wait for a disk. Network cores hand such work over and go on; nothing here
// knows of sockets.
//
// Owned by main(); submit() is safe from any thread and never blocks. Threads are started as work
// comes, up to the bound.

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace weir::io {

class BlockingPool {
  public:
    BlockingPool(std::size_t threads_max, std::size_t queue_max)
        : threads_max_(threads_max), queue_max_(queue_max) {}
    ~BlockingPool() { stop(); }

    // False if too much waits already, or after stop(): the caller answers slow_down.
    bool submit(std::function<void()> work);

    // Runs what waits, then ends the threads.
    void stop();

    std::size_t queued() const;
    std::size_t threads() const;

  private:
    void run();

    const std::size_t threads_max_, queue_max_;
    mutable Mutex mutex_;
    ConditionVariable work_waits_;
    std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
    std::vector<std::thread> threads_ GUARDED_BY(mutex_);
    std::size_t idle_ GUARDED_BY(mutex_) = 0;
    bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::io
