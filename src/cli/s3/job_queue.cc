#include "cli/s3/job_queue.h"

#include <utility>

namespace weir::cli {

JobQueue::~JobQueue() {
    {
        MutexLock lock(mutex_);
        ended_ = true;
        added_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
}

void JobQueue::add(Job job) {
    bool idle = false;
    {
        MutexLock lock(mutex_);
        while (queue_.size() >= queue_max_) taken_.wait(mutex_);
        queue_.push_back(std::move(job));
        idle = busy_ + queue_.size() <= threads_.size();
        added_.notify_one();
    }
    if (!idle && threads_.size() < threads_max_) threads_.emplace_back([this] { run(); });
}

void JobQueue::wait() {
    MutexLock lock(mutex_);
    while (busy_ > 0 || !queue_.empty()) taken_.wait(mutex_);
}

void JobQueue::run() {
    for (;;) {
        Job job;
        {
            MutexLock lock(mutex_);
            while (queue_.empty() && !ended_) added_.wait(mutex_);
            if (queue_.empty()) return;
            job = std::move(queue_.front());
            queue_.pop_front();
            ++busy_;
            taken_.notify_all();
        }
        job();
        MutexLock lock(mutex_);
        --busy_;
        taken_.notify_all();
    }
}

}  // namespace weir::cli
