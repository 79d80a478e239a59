#pragma once
// Of the thread that calls.

#include <sys/resource.h>
#include <unistd.h>

namespace weir::mount {

// It gives way to all others from now on; nothing happens where that may not be set. On Linux the
// niceness is each thread's own.
inline void give_way() {
    constexpr int polite = 10;
    static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), polite));
}

}  // namespace weir::mount
