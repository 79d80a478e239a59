#pragma once
// Many callers, one sync: whoever asks while a sync runs waits for the next, which serves all who wait by then. So the
// cost of durability is shared by requests that run side by side.
//
// Safe from any thread; sync() blocks. A failure is told to everybody whom that sync was to serve.

#include <cstdint>
#include <functional>
#include <optional>

#include "base/mutex.h"
#include "base/result.h"

namespace weir::io {

class GroupSync {
  public:
    explicit GroupSync(std::function<Result<void>()> sync) : sync_(std::move(sync)) {}

    // Returns after a sync that began after this call.
    Result<void> sync();

  private:
    const std::function<Result<void>()> sync_;
    Mutex mutex_;
    ConditionVariable finished_;
    bool running_ GUARDED_BY(mutex_) = false;
    std::uint64_t begun_ GUARDED_BY(mutex_) = 0;
    std::uint64_t done_ GUARDED_BY(mutex_) = 0;
    std::uint64_t last_failed_ GUARDED_BY(mutex_) = 0;
    std::optional<Error> failure_ GUARDED_BY(mutex_);
};

}  // namespace weir::io
