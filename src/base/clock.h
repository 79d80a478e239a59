#pragma once
// The time, passed in like any other dependency so that tests turn it by hand.
// Implementations are safe from any thread.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace weir {

// Nanoseconds since the Unix epoch, UTC.
using UnixNanos = std::uint64_t;
inline constexpr UnixNanos nanos_per_second = 1'000'000'000;

class Clock {
  public:
    virtual ~Clock() = default;
    // May jump in either direction; whoever needs an order keeps it himself (meta/version.h).
    virtual UnixNanos now() const = 0;
};

class SystemClock final : public Clock {
  public:
    UnixNanos now() const override;
};

class ManualClock final : public Clock {
  public:
    explicit ManualClock(UnixNanos start) : now_(start) {}
    UnixNanos now() const override { return now_.load(); }
    void set(UnixNanos now) { now_.store(now); }
    void advance(std::chrono::nanoseconds by) { now_ += static_cast<UnixNanos>(by.count()); }

  private:
    std::atomic<UnixNanos> now_;
};

}  // namespace weir
