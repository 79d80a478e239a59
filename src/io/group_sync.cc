#include "io/group_sync.h"

namespace weir::io {

Result<void> GroupSync::sync() {
    MutexLock lock(mutex_);
    const std::uint64_t wanted = begun_ + 1;
    while (succeeded_ < wanted) {
        if (failure_) return fail(*failure_);
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
        if (outcome) {
            succeeded_ = mine;
        } else {
            failure_ = std::move(outcome).error();
        }
        finished_.notify_all();
    }
    return {};
}

std::optional<Error> GroupSync::failure() const {
    MutexLock lock(mutex_);
    return failure_;
}

}  // namespace weir::io
