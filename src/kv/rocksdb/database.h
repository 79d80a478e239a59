#pragma once
// RocksDB as the engine uses it: how it is opened, where rows lie, and its errors as ours. Private
// to kv/rocksdb.
//
// Keys are the partition's id, 8 bytes big-endian, and the row's key. Safe from any thread.

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "kv/engine.h"
#include "kv/rocksdb/durable_names.h"
#include "kv/rocksdb/engine.h"

namespace weir::kv::rocksdb {

Error to_error(const ::rocksdb::Status& status, std::string_view what);

std::string full_key(PartitionId partition, std::string_view key);

class Database {
  public:
    static Result<std::unique_ptr<Database>> open(const Options& options, const Limits& limits,
                                                  Log& log);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    ::rocksdb::DB& db() { return *db_; }
    const ::rocksdb::Cache& block_cache() const { return *block_cache_; }

    // The column family of rows whose key begins with `first`.
    ::rocksdb::ColumnFamilyHandle* family(char first) const;
    const std::vector<::rocksdb::ColumnFamilyHandle*>& families() const { return families_; }

    Result<std::optional<std::string>> get(PartitionId partition, std::string_view key,
                                           bool from_memory) const;

    // One page of a range of rows of one kind, now (nullptr) or as of a snapshot.
    Result<ScanEnd> scan(PartitionId partition, const Range& range,
                         const ::rocksdb::Snapshot* moment, std::size_t rows_max,
                         const RowVisitor& visit) const;

  private:
    Database() = default;
    ::rocksdb::Status open(const Options& options, const Limits& limits,
                           ::rocksdb::WALRecoveryMode recovery);

    const std::unique_ptr<::rocksdb::Env> env_ = durable_names_env();
    std::shared_ptr<::rocksdb::Cache> block_cache_;
    std::unique_ptr<::rocksdb::DB> db_;
    std::vector<::rocksdb::ColumnFamilyHandle*> families_;  // default, bulk, journal
};

}  // namespace weir::kv::rocksdb
