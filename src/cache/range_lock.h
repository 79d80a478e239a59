#pragma once
// The kernel's locks on bytes of a file (open file description locks, fcntl(2)): between processes
// and between descriptors of one process, gone with the last copy of the descriptor, so that
// whoever dies leaves nothing locked. The bytes need not exist.
//
// Threads that share a descriptor share its locks: they exclude each other by other means. Safe
// from any thread. io_error where the file system has no such locks.

#include <cstdint>

#include "base/result.h"
#include "cache/file.h"

namespace weir::cache {

enum class LockKind : std::uint8_t { shared, exclusive };

// False if another descriptor holds what excludes it. A lock that is held already changes its kind,
// in one step.
Result<bool> try_lock(const File& file, LockKind kind, std::uint64_t byte);
// Waits as long as it takes.
Result<void> wait_lock(const File& file, LockKind kind, std::uint64_t byte);
void unlock(const File& file, std::uint64_t byte);
// Whether another descriptor holds the byte, in either way.
Result<bool> locked_elsewhere(const File& file, std::uint64_t byte);

}  // namespace weir::cache
