#include "mount/notifier.h"

#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <limits>
#include <utility>

namespace weir::mount {
namespace {

bool close_all(unsigned first, unsigned last, unsigned flags) {
    return ::syscall(SYS_close_range, first, last, flags) == 0;
}

}  // namespace

Notifier::Notifier(Tell tell, Device device, std::size_t notices_max, Log& log)
    : tell_(std::move(tell)),
      device_(std::move(device)),
      notices_max_(notices_max),
      log_(log),
      thread_([this] { run(); }) {}

void Notifier::add(Notice notice) {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    if (!failure_.empty()) log_.warn("the kernel was not told of a change: {}", failure_);
    failure_.clear();
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

// Kernels before 5.9 cannot: it works there, too, but for being killed at the wrong moment.
void Notifier::isolate() const {
    const auto device = static_cast<unsigned>(device_());
    // The first call parts them from the other threads'.
    if (close_all(device + 1, std::numeric_limits<unsigned>::max(), CLOSE_RANGE_UNSHARE) &&
        device > 0)
        static_cast<void>(close_all(0, device - 1, 0));
}

void Notifier::run() {
    bool isolated = false;
    while (true) {
        Notice notice;
        {
            const MutexLock lock(mutex_);
            while (notices_.empty() && !stopped_) changed_.wait(mutex_);
            if (stopped_) return;
            notice = std::move(notices_.front());
            notices_.pop_front();
        }
        if (!std::exchange(isolated, true)) isolate();
        const Result<void> told = tell_(notice);
        if (told) continue;
        const MutexLock lock(mutex_);
        failure_ = told.error().message();
    }
}

}  // namespace weir::mount
