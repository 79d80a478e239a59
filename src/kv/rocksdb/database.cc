#include "kv/rocksdb/database.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "base/bytes.h"
#include "base/check.h"
#include "kv/rocksdb/log_tail.h"

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
    // In pieces: with ten million objects the filters and indexes of all files are more than the
    // cache, and one that is not in it would be read whole for each row.
    table.index_type = ::rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = true;
    table.metadata_block_size = 4 * KiB;
    table.pin_top_level_index_and_filter = true;
    table.format_version = 5;
    table.block_size = 4 * KiB;
    ::rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
    options.write_buffer_size = write_buffer_bytes;
    options.max_write_buffer_number = 2;
    options.arena_block_size = 256 * KiB;
    // Most lookups are of rows that are not there: what a new key has before, the delete marker of
    // a key that has none.
    options.memtable_prefix_bloom_size_ratio = 0.02;
    options.memtable_whole_key_filtering = true;
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

::rocksdb::DBOptions database_options(::rocksdb::WALRecoveryMode recovery) {
    ::rocksdb::DBOptions db;
    db.create_if_missing = true;
    db.create_missing_column_families = true;
    db.wal_recovery_mode = recovery;
    // Where the file system writes data before it makes a file longer, a log's end is then either
    // written or not there.
    db.allow_fallocate = false;
    db.paranoid_checks = true;
    db.max_total_wal_size = wal_bytes_max;
    db.max_background_jobs = 2;
    db.max_open_files = 512;
    db.max_manifest_file_size = 64 * MiB;
    db.avoid_flush_during_shutdown = false;
    return db;
}

// What RocksDB notes goes into our log, for whoever debugs; Health tells what matters. Its own file
// is written through a writer that ends the process by an assertion when it is used again after it
// could not write.
class InfoLog final : public ::rocksdb::Logger {
  public:
    explicit InfoLog(Log& log) : Logger(::rocksdb::InfoLogLevel::WARN_LEVEL), log_(log) {}
    using ::rocksdb::Logger::Logv;
    void Logv(const char* format, va_list arguments) override {
        std::array<char, 1024> text{};
        static_cast<void>(::vsnprintf(text.data(), text.size(), format, arguments));
        std::string_view line(text.data());
        while (line.ends_with('\n')) line.remove_suffix(1);
        log_.debug("RocksDB: {}", line);
    }
    void LogHeader(const char*, va_list) override {}

  private:
    Log& log_;
};

}  // namespace

Error to_error(const ::rocksdb::Status& status, std::string_view what) {
    Code code = Code::io_error;
    if (status.IsNoSpace()) code = Code::no_space;
    if (status.IsCorruption()) code = Code::corrupt;
    if (status.IsShutdownInProgress()) code = Code::unavailable;
    std::string text = status.ToString();
    if (text.find("Too many open files") != std::string::npos) code = Code::unavailable;
    return Error(code, fmt::format("{}: {}", what, text));
}

std::string full_key(PartitionId partition, std::string_view key) {
    std::string full;
    full.reserve(8 + key.size());
    append_be64(full, partition.value());
    full.append(key);
    return full;
}

void Health::OnBackgroundError(::rocksdb::BackgroundErrorReason reason, ::rocksdb::Status* error) {
    using ::rocksdb::Status;
    if (reason == ::rocksdb::BackgroundErrorReason::kCompaction) {
        log_.error("the database could not compact, and tries again: {}", error->ToString());
        *error = Status(*error, Status::Severity::kSoftError);
        return;
    }
    if (!stopped_.exchange(true)) log_.error("the database stopped writing: {}", error->ToString());
}

// Never by itself: it would write the rest of a record behind what it had written of it.
void Health::OnErrorRecoveryBegin(::rocksdb::BackgroundErrorReason, ::rocksdb::Status,
                                  bool* recover) {
    *recover = false;
}

::rocksdb::Status Database::open(const Options& options, const Limits& limits, Log& log,
                                 ::rocksdb::WALRecoveryMode recovery, bool to_read) {
    block_cache_ = ::rocksdb::NewLRUCache(limits.metadata_cache_bytes);
    std::vector<::rocksdb::ColumnFamilyDescriptor> descriptors;
    for (std::size_t family = default_family; family <= journal_family; ++family)
        descriptors.emplace_back(family_names[family], family_options(family, block_cache_));
    ::rocksdb::DB* db = nullptr;
    families_.clear();
    ::rocksdb::DBOptions database = database_options(recovery);
    database.env = env_.get();
    database.listeners.push_back(health_);
    database.info_log = std::make_shared<InfoLog>(log);
    ::rocksdb::Status status;
    if (to_read) {
        status =
            ::rocksdb::DB::OpenForReadOnly(database, options.path, descriptors, &families_, &db);
    } else {
        status = ::rocksdb::DB::Open(database, options.path, descriptors, &families_, &db);
    }
    db_.reset(db);
    return status;
}

Result<std::unique_ptr<Database>> Database::open_to_read(const Options& options,
                                                         const Limits& limits, Log& log) {
    using ::rocksdb::WALRecoveryMode;
    auto database = std::unique_ptr<Database>(new Database(log));
    ::rocksdb::Status status = database->open(
        options, limits, log, WALRecoveryMode::kTolerateCorruptedTailRecords, /*to_read=*/true);
    if (status.IsCorruption()) {
        // A torn end is dropped as open() drops it. What is damaged before was acknowledged, and
        // may be known to no other than the database that is open now.
        TRY(const LogVerdict verdict, judge_logs(options.path));
        if (verdict.end == LogVerdict::End::damaged)
            return fail(Code::corrupt, fmt::format("the log {} is damaged at byte {}", verdict.file,
                                                   verdict.offset));
        status = database->open(options, limits, log, WALRecoveryMode::kPointInTimeRecovery,
                                /*to_read=*/true);
    }
    if (!status.ok())
        return fail(to_error(status, fmt::format("reading the database {}", options.path)));
    database->stop();
    return database;
}

std::uint64_t Database::memtable_bytes() const {
    std::uint64_t sum = 0;
    for (::rocksdb::ColumnFamilyHandle* family : families_) {
        std::uint64_t bytes = 0;
        if (db_->GetIntProperty(family, "rocksdb.cur-size-all-mem-tables", &bytes)) sum += bytes;
    }
    return sum;
}

// A log that ends short is one that a power cut ended, and RocksDB accepts it. Of one whose last
// record is there but torn, and of one that is damaged before its end, it only says that it is
// corrupt.
Result<std::unique_ptr<Database>> Database::open(const Options& options, const Limits& limits,
                                                 Log& log) {
    using ::rocksdb::WALRecoveryMode;
    auto database = std::unique_ptr<Database>(new Database(log));
    ::rocksdb::Status status =
        database->open(options, limits, log, WALRecoveryMode::kTolerateCorruptedTailRecords);
    if (status.ok()) return database;
    if (status.IsIOError() && status.ToString().find("lock") != std::string::npos)
        return fail(Code::unavailable,
                    fmt::format("{} is in use by another process", options.path));
    const Error refused = to_error(status, fmt::format("opening the database {}", options.path));
    if (!status.IsCorruption()) return fail(refused);
    TRY(const LogVerdict verdict, judge_logs(options.path));
    if (verdict.end == LogVerdict::End::whole) return fail(refused);
    if (verdict.end == LogVerdict::End::damaged && !options.drop_damaged_log)
        return fail(Code::corrupt,
                    fmt::format("{}: the log {} is damaged at byte {}, and what was acknowledged "
                                "lies there or behind. Restore a backup, or give up all that was "
                                "logged from there on: weir fsck --repair --drop-damaged-log",
                                refused.message(), verdict.file, verdict.offset));
    status = database->open(options, limits, log, WALRecoveryMode::kPointInTimeRecovery);
    if (!status.ok())
        return fail(to_error(status, fmt::format("opening the database {}", options.path)));
    if (verdict.end == LogVerdict::End::torn) {
        log.warn(
            "a write that was never acknowledged was dropped: a power cut tore it, in {} at "
            "byte {}",
            verdict.file, verdict.offset);
    } else {
        log.error("the log was damaged, and is dropped as asked: {} from byte {} on", verdict.file,
                  verdict.offset);
    }
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
    const ::rocksdb::ReadOptions read;
    std::optional<FromMemory> only_from_memory;
    if (from_memory) only_from_memory.emplace();
    ::rocksdb::PinnableSlice value;
    const ::rocksdb::Status status =
        db_->Get(read, family(key.empty() ? '\0' : key.front()), full_key(partition, key), &value);
    if (status.ok()) return std::string(value.data(), value.size());
    if (status.IsNotFound()) return std::nullopt;
    if (from_memory && status.IsTimedOut()) return fail(Code::would_block);
    return fail(to_error(status, "reading a row"));
}

Result<ScanEnd> Database::scan(PartitionId partition, const Range& range,
                               const ::rocksdb::Snapshot* moment, std::size_t rows_max,
                               const RowVisitor& visit) const {
    const char kind = range.begin.empty() ? '\0' : range.begin.front();
    // Kinds may lie in different column families.
    CHECK(range.end.empty() || kind == '\0' || range.end.front() <= kind + 1);
    const std::string begin = full_key(partition, range.begin);
    std::string end = full_key(partition, range.end);
    if (range.end.empty()) {
        end.clear();
        append_be64(end, partition.value() + 1);
    }
    const ::rocksdb::Slice upper_bound(end);
    ::rocksdb::ReadOptions read;
    read.iterate_upper_bound = &upper_bound;
    read.snapshot = moment;
    const std::unique_ptr<::rocksdb::Iterator> rows(db_->NewIterator(read, family(kind)));
    std::size_t count = 0;
    for (rows->Seek(begin); rows->Valid(); rows->Next()) {
        const std::string_view key = rows->key().ToStringView().substr(8);
        if (count++ == rows_max) return ScanEnd{.resume = std::string(key)};
        if (!visit(key, rows->value().ToStringView())) return ScanEnd{};
    }
    if (!rows->status().ok()) return fail(to_error(rows->status(), "scanning rows"));
    return ScanEnd{};
}

}  // namespace weir::kv::rocksdb
