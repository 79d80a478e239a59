#pragma once
// The mount itself, from credentials to SIGTERM: everything is built here, by hand, and taken down
// the other way round.
//
// Runs on the thread that calls, which must be the process's only one. Failure: one sentence for
// who mounts.

#include <functional>

#include "base/result.h"
#include "cli/mount_line.h"

namespace weir::cli {

// Mounts, calls `mounted`, and returns once it is unmounted. Unmounts at once if `mounted` returns
// false.
Result<void> run_mounted(const MountLine& line, const std::function<bool()>& mounted);

}  // namespace weir::cli
