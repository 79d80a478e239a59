#pragma once
// How long what the store said may be believed: as long as its journal tells of every change
// (Weir), else for a time to live. When the journal falls silent, what was right until then lasts
// for the time to live from there on.
//
// Owned by Mount; safe from any thread.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/limits.h"

namespace weir::mount {

class Freshness {
  public:
    using Clock = std::chrono::steady_clock;

    // When something was asked, for later.
    struct Stamp {
        Clock::time_point asked = {};
        std::uint64_t generation = 0;  // 0: never
    };

    explicit Freshness(std::chrono::milliseconds ttl) : ttl_(ttl) {}

    Stamp now() const { return {Clock::now(), generation_.load()}; }
    bool fresh(const Stamp& stamp, Clock::time_point at = Clock::now()) const {
        return stamp.generation == generation_.load() && at < expiry(stamp);
    }
    // For how long the kernel may believe it.
    std::chrono::milliseconds kernel_may_believe(const Stamp& stamp,
                                                 Clock::time_point at = Clock::now()) const {
        if (!fresh(stamp, at)) return std::chrono::milliseconds(0);
        // While the journal is heard, the kernel is told of changes, and of silence.
        if (Clock::time_point(Clock::duration(trusted_until_.load())) > at) return kernel_ttl;
        return std::chrono::duration_cast<std::chrono::milliseconds>(expiry(stamp) - at);
    }

    // For the journal's follower: all changes up to `until` will have been told. What was asked
    // before the journal was followed must have been forgotten (forget()) once.
    void trust_until(Clock::time_point until) {
        trusted_until_.store(until.time_since_epoch().count());
    }
    // Changes were missed: nothing that was asked so far counts any more.
    void forget() { ++generation_; }

  private:
    static constexpr std::chrono::milliseconds kernel_ttl{mount_kernel_ttl_ms};

    Clock::time_point expiry(const Stamp& stamp) const {
        const Clock::time_point trusted{Clock::duration(trusted_until_.load())};
        return std::max(stamp.asked, trusted) + ttl_;
    }

    const std::chrono::milliseconds ttl_;
    std::atomic<std::uint64_t> generation_ = 1;
    std::atomic<Clock::rep> trusted_until_ = 0;  // since the clock's epoch
};

}  // namespace weir::mount
