#pragma once
// Is a thread of another process on its way out? The kernel says that a signal came to whoever
// waits for a request; most signals are handled by the process and none of a file system's
// business: a local disk's read(2) does not fail with EINTR because of SIGCHLD.
//
// Plain functions; safe from any thread.

#include <sys/types.h>

#include <string_view>

namespace weir::mount {

// The text of /proc/THREAD/status: has it a signal that ends it?
bool is_killed(std::string_view status);
// Also true if it is gone; false if it is in another PID namespace, of which nothing is known.
bool is_killed(pid_t thread);

}  // namespace weir::mount
