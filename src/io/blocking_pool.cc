#include "io/blocking_pool.h"

#include <system_error>

namespace weir::io {

bool BlockingPool::submit(std::function<void()> work) {
    MutexLock lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(work));
    if (idle_ >= queue_.size() || threads_.size() == threads_max_) {
        work_waits_.notify_one();
        return true;
    }
    try {
        threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
        // No more threads for us: those that run will get to it, if there are any.
        if (!threads_.empty()) return true;
        work = std::move(queue_.back());
        queue_.pop_back();
        return false;
    }
    return true;
}

void BlockingPool::run() {
    MutexLock lock(mutex_);
    for (;;) {
        while (queue_.empty() && !stopping_) {
            ++idle_;
            work_waits_.wait(mutex_);
            --idle_;
        }
        if (queue_.empty()) return;
        std::function<void()> work = std::move(queue_.front());
        queue_.pop_front();
        mutex_.unlock();
        work();
        // What it owns may lock as it goes.
        work = nullptr;
        mutex_.lock();
    }
}

void BlockingPool::stop() {
    std::vector<std::thread> threads;
    {
        MutexLock lock(mutex_);
        stopping_ = true;
        threads.swap(threads_);
    }
    work_waits_.notify_all();
    for (std::thread& thread : threads) thread.join();
}

std::size_t BlockingPool::queued() const {
    MutexLock lock(mutex_);
    return queue_.size();
}

std::size_t BlockingPool::threads() const {
    MutexLock lock(mutex_);
    return threads_.size();
}

}  // namespace weir::io
