#pragma once
// Where a mount's log goes: standard error in the foreground; else what --log says; else syslog,
// which systemd's journal reads, where there is one; else a file in the cache's folder.
//
// Failure: invalid_argument where the file cannot be opened.

#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "cli/mount_line.h"

namespace weir::cli {

struct MountLog {
    std::shared_ptr<Log> log;
    std::string where;  // for people
};
Result<MountLog> open_mount_log(const MountLine& line, const std::string& cache_folder);

}  // namespace weir::cli
