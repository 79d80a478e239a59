#pragma once
// Who mounts, and for whom: root by sudo mounts for the person who called it.
//
// A plain value. Read from any thread.

#include <cstdint>
#include <string>

namespace weir::cli {

struct Person {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    bool root = false;  // this process may do what root may
    bool sudo = false;

    // Of this process: its effective user, or, under sudo, SUDO_UID and SUDO_GID.
    static Person of_process();
};

// What to do where no credentials were found: sudo drops AWS_* unless it is told otherwise.
std::string sudo_advice();

}  // namespace weir::cli
