#pragma once
// The file system as RocksDB sees it, with files that can be asked not to wait: a read whose
// IOOptions::timeout is set (ReadOptions::io_timeout) takes what the kernel has in memory, or ends
// with TimedOut at once. So a core, which never waits for a disk, reads a row that is in the page
// cache itself; without it, it would hand all that RocksDB's own cache lacks to another thread,
// which costs more than the read.
//
// Where the file system cannot read so (preadv2(2), RWF_NOWAIT), nothing is in memory.
//
// Private to kv/rocksdb; safe from any thread.

#include <rocksdb/file_system.h>

#include <memory>

namespace weir::kv::rocksdb {

std::shared_ptr<::rocksdb::FileSystem> with_cached_reads(
    std::shared_ptr<::rocksdb::FileSystem> base);

}  // namespace weir::kv::rocksdb
