#pragma once
// The file system as RocksDB sees it, with files that a thread may read without waiting for a disk:
// while it has a FromMemory, a read takes what the kernel has in memory, or ends with TimedOut at
// once, and so does opening a file. A core reads rows that are in the page cache itself then; else
// it would hand all that RocksDB's own cache lacks to another thread, which costs more than the
// read. (ReadOptions::io_timeout would say the same, but RocksDB forgets it for filters and blob
// files.) It may still wait for another thread that opens the same table.
//
// Where the file system cannot read so (preadv2(2), RWF_NOWAIT), nothing is in memory.
//
// Private to kv/rocksdb; safe from any thread.

#include <rocksdb/file_system.h>

#include <memory>

namespace weir::kv::rocksdb {

// One at a time a thread.
class FromMemory {
  public:
    FromMemory();
    ~FromMemory();
    FromMemory(const FromMemory&) = delete;
    FromMemory& operator=(const FromMemory&) = delete;
};

std::shared_ptr<::rocksdb::FileSystem> with_cached_reads(
    std::shared_ptr<::rocksdb::FileSystem> base);

}  // namespace weir::kv::rocksdb
