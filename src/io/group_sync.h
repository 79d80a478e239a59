#pragma once
// Many callers, one sync: whoever asks while a sync runs waits for the next, which serves all who
// wait by then. So the cost of durability is shared by requests that run side by side.
//
// Safe from any thread; sync() blocks. A failure is told to everybody whom that sync was to serve
// and to all who ask later: the kernel reports a lost write once, and a sync after that succeeds
// without having brought it back.

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

    // The failure after which every sync() fails.
    std::optional<Error> failure() const;

  private:
    const std::function<Result<void>()> sync_;
    mutable Mutex mutex_;
    ConditionVariable finished_;
    bool running_ GUARDED_BY(mutex_) = false;
    std::uint64_t begun_ GUARDED_BY(mutex_) = 0;
    std::uint64_t succeeded_ GUARDED_BY(mutex_) = 0;  // the newest that did
    std::optional<Error> failure_ GUARDED_BY(mutex_);
};

}  // namespace weir::io
