#pragma once
// weir backup: a consistent copy of a store, taken while writes go on. The database is copied as it
// is at one moment (a RocksDB checkpoint: hard links where they can be made); then the blobs that
// its records need and the backup directory does not hold yet, while the reclaimer pauses so that
// none of them goes. What was acknowledged before the backup began is in it.
//
// Blocking; one at a time.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "inspect/data_directory.h"
#include "io/disk.h"
#include "kv/rocksdb/engine.h"

namespace weir::backup {

struct Source {
    const inspect::DataDirectory& directory;
    kv::rocksdb::Engine& kv;
    // Nothing is reclaimed while what it returns lives.
    std::function<std::shared_ptr<void>()> pause_reclaiming;
};

struct BackupOptions {
    std::string path;
    std::string name;             // of the set: the time, so that names sort
    std::size_t keep = 0;         // older sets than the newest so many are removed; 0: none is
    bool with_secret_key = true;  // false: the key that encrypts access keys is kept elsewhere
    const std::atomic<bool>* cancel = nullptr;
};

struct BackupReport {
    std::string name;
    std::uint64_t blobs = 0, blob_bytes = 0;     // that the set needs
    std::uint64_t copied = 0, copied_bytes = 0;  // of them, that were new
    std::uint64_t sets_removed = 0, blobs_removed = 0;
    // Blobs that are not what was written. The set is whole but for them.
    std::vector<std::string> damage;
};

// A name for a set that is made now.
std::string set_name(UnixNanos now);

Result<BackupReport> back_up(const Source& source, const BackupOptions& options, io::Disk& disk,
                             Log& log);
// Of a data directory that no server serves; unavailable if one does.
Result<BackupReport> back_up_offline(const std::string& data, const BackupOptions& options,
                                     Log& log);

}  // namespace weir::backup
