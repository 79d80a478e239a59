#pragma once
// How much memory and disk a mount takes where nobody says: within the machine's and its control
// group's bounds.
//
// Pure functions but for what they read from /proc and /sys; safe from any thread. What cannot be
// read counts as no bound.

#include <cstdint>
#include <string>

#include "base/limits.h"
#include "base/result.h"

namespace weir::mount {

// The least of the machine's memory and the bounds of this process's control group and all above
// it (version 1 and 2). `root` is where /proc and /sys are, for tests.
std::uint64_t memory_bound_bytes(const std::string& root = "");

// Of the buffers that bytes move through.
std::uint64_t default_memory_bytes(std::uint64_t bound_bytes);

// What a mount keeps to with so much: names, small files and threads grow with it, up to what they
// are by default.
MountLimits limits_within(std::uint64_t memory_bytes);
// Half of the disk that the folder is on; where that disk is memory, at most a quarter of
// `memory_bound`. io_error if the folder is not there.
Result<std::uint64_t> default_cache_bytes(const std::string& folder, std::uint64_t memory_bound);

// Resident, of this process.
std::uint64_t resident_bytes();

}  // namespace weir::mount
