#pragma once
// RocksDB as the engine uses it: how it is opened, where rows lie, and its errors as ours. Private
// to kv/rocksdb.
//
// Keys are the partition's id, 8 bytes big-endian, and the row's key. Safe from any thread.

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>

#include <atomic>

#include <memory>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "kv/engine.h"
#include "kv/rocksdb/cached_reads.h"
#include "kv/rocksdb/durable_names.h"
#include "kv/rocksdb/engine.h"

namespace weir::kv::rocksdb {

Error to_error(const ::rocksdb::Status& status, std::string_view what);

std::string full_key(PartitionId partition, std::string_view key);

// What RocksDB says of errors that it met. A failed compaction changed nothing: it is tried again,
// and writes go on. After any other failure this instance of RocksDB writes no more, nor tries to:
// the log's end, or the manifest's, is unknown (current.h says what follows).
class Health final : public ::rocksdb::EventListener {
  public:
    explicit Health(Log& log) : log_(log) {}
    void OnBackgroundError(::rocksdb::BackgroundErrorReason reason,
                           ::rocksdb::Status* error) override;
    void OnErrorRecoveryBegin(::rocksdb::BackgroundErrorReason reason, ::rocksdb::Status error,
                              bool* recover) override;
    bool stopped() const { return stopped_.load(); }
    void stop() { stopped_ = true; }

  private:
    Log& log_;
    std::atomic<bool> stopped_ = false;
};

class Database {
  public:
    static Result<std::unique_ptr<Database>> open(const Options& options, const Limits& limits,
                                                  Log& log);
    // What is there, the log's records too, by reading alone.
    static Result<std::unique_ptr<Database>> open_to_read(const Options& options,
                                                          const Limits& limits, Log& log);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    ::rocksdb::DB& db() { return *db_; }
    // Whether nothing can be written from now on.
    bool stopped() const { return health_->stopped(); }
    void stop() { health_->stop(); }
    std::uint64_t memtable_bytes() const;
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
    explicit Database(Log& log) : health_(std::make_shared<Health>(log)) {}
    ::rocksdb::Status open(const Options& options, const Limits& limits, Log& log,
                           ::rocksdb::WALRecoveryMode recovery, bool to_read = false);

    // Outlives the database.
    const std::unique_ptr<::rocksdb::Env> env_ = ::rocksdb::NewCompositeEnv(
        with_cached_reads(with_durable_names(::rocksdb::FileSystem::Default())));
    const std::shared_ptr<Health> health_;
    std::shared_ptr<::rocksdb::Cache> block_cache_;
    std::unique_ptr<::rocksdb::DB> db_;
    std::vector<::rocksdb::ColumnFamilyHandle*> families_;  // default, bulk, journal
};

}  // namespace weir::kv::rocksdb
