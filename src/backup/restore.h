#pragma once
// weir restore: a data directory from a backup, proved before it is called one. Blocking.

#include <atomic>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "inspect/check.h"
#include "io/disk.h"

namespace weir::backup {

struct RestoreOptions {
    std::string backup;
    std::string set;     // empty: the newest
    std::string target;  // empty or not there
    // Of a backup without it: the file with the key that encrypts access keys.
    std::optional<std::string> secret_key_file;
    const std::atomic<bool>* cancel = nullptr;
};

struct RestoreReport {
    std::string set;
    std::uint64_t blobs = 0, bytes = 0;
    inspect::CheckReport check;  // of what is there now, every byte compared
};

Result<RestoreReport> restore(const RestoreOptions& options, io::Disk& disk, Log& log);

}  // namespace weir::backup
