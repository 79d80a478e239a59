#include "kv/rocksdb/engine.h"

#include <rocksdb/db.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/utilities/checkpoint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "kv/batch_rules.h"
#include "kv/rocksdb/committer.h"
#include "kv/rocksdb/database.h"
#include "kv/rocksdb/verify_files.h"

namespace weir::kv::rocksdb {

class Engine::Implementation {
  public:
    Implementation(std::unique_ptr<Database> opened, const Limits& limits_in, Log& log)
        : limits(limits_in), database(std::move(opened)), committer(*database, limits, log) {}

    const Limits limits;
    const std::unique_ptr<Database> database;
    Committer committer;
};

Engine::Engine(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Engine::~Engine() { stop(); }

Result<std::unique_ptr<Engine>> Engine::open(const Options& options, const Limits& limits,
                                             Log& log) {
    TRY(std::unique_ptr<Database> database, Database::open(options, limits, log));
    auto implementation = std::make_unique<Implementation>(std::move(database), limits, log);
    TRY_VOID(implementation->committer.start());
    return std::unique_ptr<Engine>(new Engine(std::move(implementation)));
}

namespace {

// The committer's reply as the caller's wait.
Result<void> submit_and_wait(Committer& committer, Committer::Kind kind, PartitionId partition) {
    Mutex mutex;
    ConditionVariable done;
    std::optional<Result<Committed>> outcome;
    committer.submit({.kind = kind,
                      .partition = partition,
                      .batch = {},
                      .done = [&](Result<Committed> committed) {
                          MutexLock lock(mutex);
                          outcome = std::move(committed);
                          done.notify_one();
                      }});
    MutexLock lock(mutex);
    while (!outcome) done.wait(mutex);
    if (!*outcome) return fail(outcome->error());
    return {};
}

}  // namespace

Result<void> Engine::create_partition(PartitionId partition) {
    CHECK(partition.value() != 0);
    if (implementation_->committer.has_partition(partition)) return {};
    return submit_and_wait(implementation_->committer, Committer::Kind::create_partition,
                           partition);
}

Result<void> Engine::drop_partition(PartitionId partition) {
    CHECK(partition.value() != 0);
    return submit_and_wait(implementation_->committer, Committer::Kind::drop_partition, partition);
}

Result<std::optional<std::string>> Engine::try_get(PartitionId partition, std::string_view key) {
    return implementation_->database->get(partition, key, true);
}

Result<std::optional<std::string>> Engine::get(PartitionId partition, std::string_view key) {
    TRY(std::optional<std::string> value, implementation_->database->get(partition, key, false));
    if (!value && !implementation_->committer.has_partition(partition))
        return fail(Code::not_found, "no such partition");
    return value;
}

Result<ScanEnd> Engine::scan(PartitionId partition, const Range& range, const RowVisitor& visit) {
    if (!implementation_->committer.has_partition(partition))
        return fail(Code::not_found, "no such partition");
    return implementation_->database->scan(partition, range, nullptr,
                                           implementation_->limits.scan_rows_max, visit);
}

Result<std::vector<Page>> Engine::read_together(PartitionId partition,
                                                const std::vector<Range>& ranges,
                                                std::size_t rows_max) {
    if (!implementation_->committer.has_partition(partition))
        return fail(Code::not_found, "no such partition");
    Database& database = *implementation_->database;
    ::rocksdb::ManagedSnapshot moment(&database.db());
    std::vector<Page> pages;
    for (const Range& range : ranges) {
        Page& page = pages.emplace_back();
        TRY(const ScanEnd end,
            database.scan(partition, range, moment.snapshot(), rows_max,
                          [&page](std::string_view key, std::string_view value) {
                              page.rows.push_back({std::string(key), std::string(value)});
                              return true;
                          }));
        page.more = end.resume.has_value();
    }
    return pages;
}

void Engine::commit(PartitionId partition, Batch batch, CommitDone done) {
    check_batch(batch, implementation_->limits);
    implementation_->committer.submit({.kind = Committer::Kind::change,
                                       .partition = partition,
                                       .batch = std::move(batch),
                                       .done = std::move(done)});
}

Result<void> Engine::trim_journal(PartitionId partition, Sequence before) {
    Database& database = *implementation_->database;
    // Synced, so that of all that was ever logged only the last record may be torn (log_tail.h).
    ::rocksdb::WriteOptions synced;
    synced.sync = true;
    const ::rocksdb::Status status = database.db().DeleteRange(
        synced, database.family(journal_prefix), full_key(partition, journal_key(0)),
        full_key(partition, journal_key(before)));
    if (!status.ok()) return fail(to_error(status, "trimming the journal"));
    return {};
}

Result<void> Engine::verify_files(const FileVisitor& visit) {
    return rocksdb::verify_files(*implementation_->database, visit);
}

Result<void> Engine::checkpoint(const std::string& path) {
    ::rocksdb::Checkpoint* made = nullptr;
    ::rocksdb::Status status =
        ::rocksdb::Checkpoint::Create(&implementation_->database->db(), &made);
    const std::unique_ptr<::rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(path);
    if (!status.ok()) return fail(to_error(status, "copying the database"));
    return {};
}

void Engine::stop() { implementation_->committer.stop(); }

Stats Engine::stats() const {
    Stats stats = implementation_->committer.stats();
    Database& database = *implementation_->database;
    std::uint64_t memtable_bytes = 0;
    for (::rocksdb::ColumnFamilyHandle* family : database.families()) {
        std::uint64_t bytes = 0;
        if (database.db().GetIntProperty(family, "rocksdb.cur-size-all-mem-tables", &bytes))
            memtable_bytes += bytes;
    }
    stats.memtable_bytes = memtable_bytes;
    stats.block_cache_bytes = database.block_cache().GetUsage();
    return stats;
}

}  // namespace weir::kv::rocksdb
