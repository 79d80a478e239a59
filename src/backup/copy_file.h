#pragma once
// Files copied whole and durably. Blocking.

#include <atomic>
#include <string>

#include "base/result.h"
#include "io/disk.h"

namespace weir::backup {

// Replaces `to`, which is there whole and durable when this returns; runs of zeros become holes.
// `from` may grow meanwhile. cancelled when *cancel turns true (nullptr: never). The number of
// bytes.
Result<std::uint64_t> copy_file(io::Disk& disk, const std::string& from, const std::string& to,
                                const std::atomic<bool>* cancel);

// Every file of a directory without subdirectories.
Result<std::uint64_t> copy_files(io::Disk& disk, const std::string& from, const std::string& to,
                                 const std::atomic<bool>* cancel);

}  // namespace weir::backup
