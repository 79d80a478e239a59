#pragma once
// Calls, once, on a thread of its own, when the time is over; not after it is gone.
//
// Owned by whoever sets the time; the call must not end it.

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace weir::mount {

class Deadline {
  public:
    Deadline(std::chrono::milliseconds time, std::function<void()> call)
        : until_(std::chrono::steady_clock::now() + time),
          call_(std::move(call)),
          thread_([this] { wait(); }) {}
    ~Deadline() {
        {
            const MutexLock lock(mutex_);
            gone_ = true;
            changed_.notify_all();
        }
        thread_.join();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

  private:
    void wait() {
        const MutexLock lock(mutex_);
        while (!gone_) {
            const auto left = until_ - std::chrono::steady_clock::now();
            if (left.count() <= 0) {
                call_();
                return;
            }
            changed_.wait_for(mutex_, std::chrono::ceil<std::chrono::milliseconds>(left));
        }
    }

    const std::chrono::steady_clock::time_point until_;
    const std::function<void()> call_;
    Mutex mutex_;
    ConditionVariable changed_;
    bool gone_ GUARDED_BY(mutex_) = false;
    std::thread thread_;  // the last
};

}  // namespace weir::mount
