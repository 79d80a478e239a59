#pragma once
// The socket at which the daemon of a mount answers (mount/status.h).
//
// Safe from any thread.

#include <string>

namespace weir::cli {

// Connected; the caller closes it. -1 if nobody answers.
int connect_to_daemon(const std::string& folder);

// Ends the kernel's wait for a daemon of this user that was killed, where it still waits
// (mount/notifier.h): nobody listens at its socket, and the mount does not answer for seconds.
// `folder`: as mount_name() says.
void give_up_dead(const std::string& folder);

}  // namespace weir::cli
