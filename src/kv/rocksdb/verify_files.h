#pragma once
// Reads the database's table files again, block by block, past its caches. Private to kv/rocksdb;
// safe from any thread.

#include "kv/engine.h"
#include "kv/rocksdb/current.h"

namespace weir::kv::rocksdb {

// Engine::verify_files().
Result<void> verify_files(Current& current, const FileVisitor& visit);

}  // namespace weir::kv::rocksdb
