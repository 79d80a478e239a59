#pragma once
// Ends blocking network calls from another thread: whoever waits on a connection with this
// Interrupt, or sleeps by it, is woken and fails with Code::cancelled, and so does all that begins
// later. One may have a parent, whose interruption is its own.
//
// Owned by whoever may want to stop; outlives the calls that it is given to, as its parent outlives
// it. Safe from any thread.

#include <array>
#include <atomic>
#include <chrono>

#include "base/result.h"

namespace weir::net {

class Interrupt {
  public:
    explicit Interrupt(const Interrupt* parent = nullptr);
    ~Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

    // Once and for all.
    void interrupt();
    bool interrupted() const;

    // For poll(): readable from the interruption on.
    int descriptor() const { return descriptor_; }
    const Interrupt* parent() const { return parent_; }

  private:
    const Interrupt* const parent_;
    const int descriptor_;
    std::atomic<bool> interrupted_ = false;
};

// Those that a call heeds; either may be null.
using Interrupts = std::array<const Interrupt*, 2>;
// How many there may be with all their parents; more is a bug.
inline constexpr std::size_t interrupts_max = 8;

bool interrupted(const Interrupts& interrupts);
// False if it was cut short.
bool sleep_unless(const Interrupts& interrupts, std::chrono::milliseconds duration);

}  // namespace weir::net
