#include "mount/notifier.h"

#include <utility>

namespace weir::mount {

Notifier::Notifier(Tell tell, std::size_t notices_max, Log& log)
    : tell_(std::move(tell)), notices_max_(notices_max), log_(log), thread_([this] { run(); }) {}

void Notifier::add(Notice notice) {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    if (notices_.size() >= notices_max_) {
        if (dropped_++ == 0)
            log_.warn("the kernel is told of changes too slowly; what it knows lapses by itself");
        return;
    }
    notices_.push_back(std::move(notice));
    changed_.notify_one();
}

void Notifier::stop() {
    {
        const MutexLock lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Notifier::run() {
    while (true) {
        Notice notice;
        {
            const MutexLock lock(mutex_);
            while (notices_.empty() && !stopped_) changed_.wait(mutex_);
            if (stopped_) return;
            notice = std::move(notices_.front());
            notices_.pop_front();
        }
        tell_(notice);
    }
}

}  // namespace weir::mount
