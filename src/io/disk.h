#pragma once
// The one seam to the file system for everything that Weir does with files outside RocksDB, so that
// the calls it makes and the durability it relies on can be read in one place and faults can be
// injected. Implementations: PosixDisk; FakeDisk (tests: loses what was not synced, fails when
// told).
//
// A Disk is owned by main() and safe from any thread. A File is safe from any thread for positioned
// reads and writes and for sync(). Every failure names the call and the path; nothing is retried
// but EINTR. Nothing is durable unless the call says so.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::io {

class File {
  public:
    virtual ~File() = default;

    // All of `out`, or io_error; corrupt if the file ends before.
    virtual Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
    // All of `bytes`; after a failure any part of them may be there.
    virtual Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
    // The same for the bytes of a large body, which are too many for the kernel's page cache: where
    // they lie in memory as they do in the file, modulo direct_alignment_bytes, whole blocks go to
    // the disk from there. Elsewhere, where the file system cannot, and where they are few after
    // all, they go the usual way. Durable, too, only after sync().
    static constexpr std::size_t direct_alignment_bytes = 4096;
    static constexpr std::size_t direct_bytes_min = 256 * 1024;
    virtual Result<void> write_direct_at(std::uint64_t offset,
                                         std::span<const std::byte> bytes) = 0;
    // What was written before is durable, and the size with it (fdatasync). After a failure the
    // file's contents are unknown for good: the kernel may have dropped the dirty pages, so a
    // second sync proves nothing. GroupSync remembers that.
    virtual Result<void> sync() = 0;
    // Also gives back what reserve() took behind the end.
    virtual Result<void> truncate(std::uint64_t size_bytes) = 0;
    // Space for the range without a change of size; what the file system cannot do is no error, a
    // full disk is.
    virtual Result<void> reserve(std::uint64_t size_bytes) = 0;
    // The range reads as zeros and takes no space; a file system that cannot is no error.
    virtual Result<void> punch(std::uint64_t offset, std::uint64_t length) = 0;
    virtual Result<std::uint64_t> size_bytes() const = 0;
    // For sendfile; -1 where there is none.
    virtual int descriptor() const = 0;
};

// An open directory.
class Directory {
  public:
    virtual ~Directory() = default;
    // Names made in and removed from the directory before are durable. A failure is as final as
    // File::sync's.
    virtual Result<void> sync() = 0;
};

struct Stat {
    std::uint64_t size_bytes = 0;
    std::uint64_t allocated_bytes = 0;
};

struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  // for whom the file system lets us be
};

// Locks a file until it is destroyed, or its process dies.
class Lock {
  public:
    virtual ~Lock() = default;
};

class Disk {
  public:
    virtual ~Disk() = default;

    // Fails if the path exists. Mode 0600. The name is durable after a sync of its directory.
    virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
    // not_found.
    virtual Result<std::unique_ptr<File>> open_to_read(const std::string& path) = 0;
    virtual Result<std::unique_ptr<File>> open_to_write(const std::string& path) = 0;
    virtual Result<std::unique_ptr<Directory>> open_directory(const std::string& path) = 0;
    // Mode 0700. One that exists already is no error. Durable after a sync of its directory.
    virtual Result<void> make_directory(const std::string& path) = 0;
    // not_found. Durable after a sync of the directory.
    virtual Result<void> remove(const std::string& path) = 0;
    // False if it is not empty.
    virtual Result<bool> remove_directory(const std::string& path) = 0;
    // Replaces what is at `to`, in one step: a crash leaves one or the other. Both in one
    // directory; durable after a sync of it.
    virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
    virtual Result<Stat> stat(const std::string& path) = 0;
    // Names, sorted, without . and ..; not_found.
    virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
    virtual Result<Space> space(const std::string& path) = 0;
    // Made if it is missing. unavailable, naming the process that holds it, if another does.
    virtual Result<std::unique_ptr<Lock>> lock(const std::string& path) = 0;

    // Small files: the whole contents, or corrupt if there is more; and a replacement that is there
    // whole and durable when the call returns, and old or new at any moment before. One caller a
    // path at a time.
    Result<std::string> read_file(const std::string& path, std::size_t bytes_max);
    Result<void> replace_file(const std::string& path, std::string_view contents);
};

// Opens the directory and syncs it.
Result<void> sync_directory(Disk& disk, const std::string& path);

// make_directory of the path and every parent that is missing, each durable, also if an earlier run
// made them and died before they were.
Result<void> make_directories(Disk& disk, const std::string& path);

}  // namespace weir::io
