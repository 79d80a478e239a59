#pragma once
// Files that were closed and are committed later, in the order in which they were closed: once no
// more are closed for a moment, or the first has waited long enough. Whoever unpacks an archive
// does not share the processor with what it leaves behind, and what is renamed or changed right
// after it was closed is one commit.
//
// Owned by Drafts; safe from any thread. Threads are made as files come, up to the bound, and give
// way to all others.

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "mount/node.h"

namespace weir::mount {

class CommitQueue {
  public:
    struct Bounds {
        std::size_t threads_max = 0;
        std::size_t waiting_max = 0;
        std::chrono::milliseconds quiet = {};
        std::chrono::milliseconds delay_max = {};
    };

    CommitQueue(const Bounds& bounds, std::function<void(NodeId)> commit)
        : bounds_(bounds), commit_(std::move(commit)) {}
    ~CommitQueue() { stop(); }
    CommitQueue(const CommitQueue&) = delete;
    CommitQueue& operator=(const CommitQueue&) = delete;

    // False if too many wait already, where no thread can be made, or after stop().
    bool add(NodeId node) EXCLUDES(mutex_);
    // From now on nothing waits longer than for a thread.
    void hurry() EXCLUDES(mutex_);
    // Ends the threads; what waits is left.
    void stop() EXCLUDES(mutex_);

  private:
    using Clock = std::chrono::steady_clock;
    struct Waiting {
        NodeId node;
        Clock::time_point since;
    };

    // When the first is to go.
    Clock::time_point due() const REQUIRES(mutex_);
    bool start_thread() REQUIRES(mutex_);
    void run() EXCLUDES(mutex_);

    const Bounds bounds_;
    const std::function<void(NodeId)> commit_;
    Mutex mutex_;
    ConditionVariable changed_;
    std::deque<Waiting> queue_ GUARDED_BY(mutex_);
    std::vector<std::thread> threads_ GUARDED_BY(mutex_);
    Clock::time_point last_ GUARDED_BY(mutex_) = {};  // when one came
    bool hurry_ GUARDED_BY(mutex_) = false;
    bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::mount
