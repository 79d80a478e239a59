#pragma once
// The kernel's side of a mount, beside the mount: /sys/fs/fuse/connections.
//
// Safe from any thread.

#include <string>

namespace weir::mount {

// Ends all that waits for the daemon, now and from now on, with ECONNABORTED or ENOTCONN. `device`:
// the minor number of the mount's files. For root and whoever mounted; nothing happens where that
// is not possible.
void abort_connection(const std::string& device);

}  // namespace weir::mount
