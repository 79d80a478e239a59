#pragma once
// The socket at which the daemon of a mount answers (mount/status.h).
//
// Safe from any thread.

#include <string>

namespace weir::cli {

// Connected; the caller closes it. -1 if nobody answers.
int connect_to_daemon(const std::string& folder);

// Ends the kernel's wait for a daemon that was killed, if it still waits: its socket is there, and
// nobody listens. As far as this user may. The socket goes, too: it says nothing about the next
// daemon.
void give_up_dead(const std::string& folder);

}  // namespace weir::cli
