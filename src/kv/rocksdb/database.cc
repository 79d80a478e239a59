#include "kv/rocksdb/database.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include "base/bytes.h"

namespace weir::kv::rocksdb {
namespace {

constexpr std::size_t default_family = 0, bulk_family = 1, journal_family = 2;
const char* const family_names[] = {"default", "bulk", "journal"};

// Memtables of the three families together: three times two of these at most, and one when idle.
constexpr std::size_t write_buffer_bytes = 16 * MiB;
constexpr std::uint64_t wal_bytes_max = 256 * MiB;
// Values from here on go to blob files: rewriting 16 KiB bodies at every compaction would cost more
// than the file they are meant to spare.
constexpr std::uint64_t blob_value_bytes_min = 2 * KiB;

::rocksdb::ColumnFamilyOptions family_options(std::size_t family,
                                              const std::shared_ptr<::rocksdb::Cache>& cache) {
    ::rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.cache_index_and_filter_blocks = true;
    table.pin_l0_filter_and_index_blocks_in_cache = true;
    table.filter_policy.reset(::rocksdb::NewBloomFilterPolicy(10));
    table.format_version = 5;
    table.block_size = 8 * KiB;
    ::rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
    options.write_buffer_size = write_buffer_bytes;
    options.max_write_buffer_number = 2;
    options.arena_block_size = 256 * KiB;
    options.level_compaction_dynamic_level_bytes = true;
    options.compression = ::rocksdb::kLZ4Compression;
    if (family == bulk_family) {
        options.compression = ::rocksdb::kNoCompression;
        options.enable_blob_files = true;
        options.min_blob_size = blob_value_bytes_min;
        options.enable_blob_garbage_collection = true;
    }
    return options;
}

::rocksdb::DBOptions database_options() {
    ::rocksdb::DBOptions db;
    db.create_if_missing = true;
    db.create_missing_column_families = true;
    // A torn record at the very end of the log was never acknowledged and is dropped; damage before
    // the end is an error, since what lies behind it was.
    db.wal_recovery_mode = ::rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    db.paranoid_checks = true;
    db.max_total_wal_size = wal_bytes_max;
    db.max_background_jobs = 2;
    db.max_open_files = 512;
    db.keep_log_file_num = 4;
    db.max_log_file_size = 4 * MiB;
    db.max_manifest_file_size = 64 * MiB;
    db.info_log_level = ::rocksdb::InfoLogLevel::WARN_LEVEL;
    db.avoid_flush_during_shutdown = false;
    return db;
}

}  // namespace

Error to_error(const ::rocksdb::Status& status, std::string_view what) {
    Code code = Code::io_error;
    if (status.IsNoSpace()) code = Code::no_space;
    if (status.IsCorruption()) code = Code::corrupt;
    if (status.IsShutdownInProgress()) code = Code::unavailable;
    return Error(code, fmt::format("{}: {}", what, status.ToString()));
}

std::string full_key(PartitionId partition, std::string_view key) {
    std::string full;
    full.reserve(8 + key.size());
    append_be64(full, partition.value());
    full.append(key);
    return full;
}

Result<std::unique_ptr<Database>> Database::open(const Options& options, const Limits& limits) {
    auto database = std::unique_ptr<Database>(new Database());
    database->block_cache_ = ::rocksdb::NewLRUCache(limits.metadata_cache_bytes);
    std::vector<::rocksdb::ColumnFamilyDescriptor> descriptors;
    for (std::size_t family = default_family; family <= journal_family; ++family)
        descriptors.emplace_back(family_names[family],
                                 family_options(family, database->block_cache_));
    ::rocksdb::DB* db = nullptr;
    const ::rocksdb::Status status = ::rocksdb::DB::Open(database_options(), options.path,
                                                         descriptors, &database->families_, &db);
    if (!status.ok()) {
        if (status.IsIOError() && status.ToString().find("lock") != std::string::npos)
            return fail(Code::unavailable,
                        fmt::format("{} is in use by another process", options.path));
        return fail(to_error(status, fmt::format("opening the database {}", options.path)));
    }
    database->db_.reset(db);
    return database;
}

Database::~Database() {
    if (!db_) return;
    for (::rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
    // Nothing to be done about an error here: what was acknowledged is in the log.
    db_->Close().PermitUncheckedError();
}

::rocksdb::ColumnFamilyHandle* Database::family(char first) const {
    if (first == bulk_prefix) return families_[bulk_family];
    if (first == journal_prefix) return families_[journal_family];
    return families_[default_family];
}

Result<std::optional<std::string>> Database::get(PartitionId partition, std::string_view key,
                                                 bool from_memory) const {
    ::rocksdb::ReadOptions read;
    if (from_memory) read.read_tier = ::rocksdb::kBlockCacheTier;
    ::rocksdb::PinnableSlice value;
    const ::rocksdb::Status status =
        db_->Get(read, family(key.empty() ? '\0' : key.front()), full_key(partition, key), &value);
    if (status.ok()) return std::string(value.data(), value.size());
    if (status.IsNotFound()) return std::nullopt;
    if (status.IsIncomplete()) return fail(Code::would_block);
    return fail(to_error(status, "reading a row"));
}

}  // namespace weir::kv::rocksdb
