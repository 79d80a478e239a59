#pragma once
// Files that are moved at the same time: a few threads, and a queue that makes the listing wait
// where it is faster than they are.
//
// Belongs to its command, whose thread adds and waits. Jobs do not throw.

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace weir::cli {

class JobQueue {
  public:
    using Job = std::function<void()>;

    JobQueue(std::size_t threads_max, std::size_t queue_max)
        : threads_max_(threads_max), queue_max_(queue_max) {}
    ~JobQueue();
    JobQueue(const JobQueue&) = delete;
    JobQueue& operator=(const JobQueue&) = delete;

    // Waits while the queue is full.
    void add(Job job);
    // Until all that was added has been done.
    void wait();

  private:
    void run();

    const std::size_t threads_max_, queue_max_;
    Mutex mutex_;
    ConditionVariable added_, taken_;
    std::deque<Job> queue_ GUARDED_BY(mutex_);
    std::size_t busy_ GUARDED_BY(mutex_) = 0;
    bool ended_ GUARDED_BY(mutex_) = false;
    std::vector<std::thread> threads_;  // of who adds
};

}  // namespace weir::cli
