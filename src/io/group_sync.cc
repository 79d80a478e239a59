#include "io/group_sync.h"

namespace weir::io {

Result<void> GroupSync::sync() {
    MutexLock lock(mutex_);
    const std::uint64_t wanted = begun_ + 1;
    while (done_ < wanted) {
        if (running_) {
            finished_.wait(mutex_);
            continue;
        }
        running_ = true;
        const std::uint64_t mine = ++begun_;
        mutex_.unlock();
        Result<void> outcome = sync_();
        mutex_.lock();
        running_ = false;
        done_ = mine;
        if (!outcome) {
            last_failed_ = mine;
            failure_ = std::move(outcome).error();
        }
        finished_.notify_all();
    }
    if (last_failed_ >= wanted) return fail(*failure_);
    return {};
}

}  // namespace weir::io
