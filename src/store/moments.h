#pragma once
// The times in the versions that this start makes: never the same twice, whatever the clock does,
// so that a version id is never used again, not even after its version was deleted. Safe from any
// thread.

#include <algorithm>
#include <atomic>

#include "base/clock.h"

namespace weir::store {

class Moments {
  public:
    // At least `at_least`, and later than every one before.
    UnixNanos take(UnixNanos at_least) {
        UnixNanos last = last_.load();
        UnixNanos next = 0;
        do {
            next = std::max(at_least, last + 1);
        } while (!last_.compare_exchange_weak(last, next));
        return next;
    }

  private:
    std::atomic<UnixNanos> last_ = 0;
};

}  // namespace weir::store
