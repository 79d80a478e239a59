#include "base/clock.h"

namespace weir {

UnixNanos SystemClock::now() const {
    return static_cast<UnixNanos>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                      std::chrono::system_clock::now().time_since_epoch())
                                      .count());
}

}  // namespace weir
