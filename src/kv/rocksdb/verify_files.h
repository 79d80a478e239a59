#pragma once
// Reads the database's tables and logs again, block by block, past its caches. Of a log that is
// damaged what it holds is in memory still, and is written to tables. Private to kv/rocksdb; safe
// from any thread.

#include "kv/engine.h"
#include "kv/rocksdb/current.h"

namespace weir::kv::rocksdb {

// Engine::verify_files().
Result<void> verify_files(Current& current, const FileVisitor& visit);

}  // namespace weir::kv::rocksdb
