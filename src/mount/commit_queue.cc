#include "mount/commit_queue.h"

#include <algorithm>
#include <system_error>

#include "mount/polite.h"

namespace weir::mount {
bool CommitQueue::add(NodeId node) {
    const MutexLock lock(mutex_);
    if (stopping_ || queue_.size() >= bounds_.waiting_max) return false;
    last_ = Clock::now();
    queue_.push_back({.node = node, .since = last_});
    if (threads_.size() < bounds_.threads_max && threads_.size() < queue_.size() &&
        !start_thread() && threads_.empty()) {
        queue_.pop_back();
        return false;
    }
    // Those who wait for the first to be due look again then.
    if (queue_.size() == 1 || due() <= last_) changed_.notify_all();
    return true;
}

// Those that run get to it, if there are no more for us.
bool CommitQueue::start_thread() {
    try {
        threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

void CommitQueue::hurry() {
    const MutexLock lock(mutex_);
    hurry_ = true;
    changed_.notify_all();
}

void CommitQueue::stop() {
    std::vector<std::thread> threads;
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
        threads.swap(threads_);
    }
    changed_.notify_all();
    for (std::thread& thread : threads) thread.join();
}

CommitQueue::Clock::time_point CommitQueue::due() const {
    // Nearly full, it does not wait for the rest.
    if (hurry_ || queue_.size() > bounds_.waiting_max / 4 * 3) return {};
    return std::min(last_ + bounds_.quiet, queue_.front().since + bounds_.delay_max);
}

void CommitQueue::run() {
    give_way();
    while (true) {
        NodeId node = 0;
        {
            const MutexLock lock(mutex_);
            while (!stopping_) {
                const auto now = Clock::now();
                if (!queue_.empty() && due() <= now) break;
                if (queue_.empty())
                    changed_.wait(mutex_);
                else
                    changed_.wait_for(mutex_, due() - now);
            }
            if (stopping_) return;
            node = queue_.front().node;
            queue_.pop_front();
        }
        commit_(node);
    }
}

}  // namespace weir::mount
