#pragma once
// The file system as RocksDB sees it, stricter in one point: before CURRENT names another manifest,
// that manifest's own name is made durable. RocksDB syncs the directory only after the rename,
// which is enough where a file system keeps the order of names; POSIX promises no order, and a
// power cut that kept the rename and lost the older name would leave a database that cannot be
// opened.
//
// Private to kv/rocksdb; safe from any thread.

#include <rocksdb/file_system.h>

#include <memory>

namespace weir::kv::rocksdb {

std::shared_ptr<::rocksdb::FileSystem> with_durable_names(
    std::shared_ptr<::rocksdb::FileSystem> base);

}  // namespace weir::kv::rocksdb
