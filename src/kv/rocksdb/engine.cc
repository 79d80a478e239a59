#include "kv/rocksdb/engine.h"

#include <rocksdb/db.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/utilities/checkpoint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "kv/batch_rules.h"
#include "kv/rocksdb/committer.h"
#include "kv/rocksdb/current.h"
#include "kv/rocksdb/database.h"
#include "kv/rocksdb/verify_files.h"

namespace weir::kv::rocksdb {

class Engine::Implementation {
  public:
    Implementation(const Options& options, const Limits& limits_in, Log& log)
        : limits(limits_in),
          current(options, limits, log),
          committer(current, hot_rows, limits, log) {}

    const Limits limits;
    Current current;
    HotRows hot_rows;
    Committer committer;
};

Engine::Engine(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Engine::~Engine() { stop(); }

Result<std::unique_ptr<Engine>> Engine::open(const Options& options, const Limits& limits,
                                             Log& log) {
    auto implementation = std::make_unique<Implementation>(options, limits, log);
    TRY_VOID(implementation->current.open());
    TRY_VOID(implementation->committer.start());
    return std::unique_ptr<Engine>(new Engine(std::move(implementation)));
}

namespace {

// The committer's reply as the caller's wait.
Result<void> submit_and_wait(Committer& committer, Committer::Kind kind, PartitionId partition,
                             Sequence trim_before = 0) {
    Mutex mutex;
    ConditionVariable done;
    std::optional<Result<Committed>> outcome;
    committer.submit({.kind = kind,
                      .partition = partition,
                      .batch = {},
                      .trim_before = trim_before,
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
    if (!HotRows::covers(key)) {
        TRY(const Current::Use database, implementation_->current.try_use());
        return database->get(partition, key, true);
    }
    HotRows& hot_rows = implementation_->hot_rows;
    std::string full = full_key(partition, key);
    if (std::optional<std::string> held = hot_rows.find(full)) return held;
    const HotRows::Epoch epoch = hot_rows.epoch();
    TRY(const Current::Use database, implementation_->current.try_use());
    TRY(std::optional<std::string> value, database->get(partition, key, true));
    if (value) hot_rows.hold(std::move(full), *value, epoch);
    return value;
}

Result<std::optional<std::string>> Engine::get(PartitionId partition, std::string_view key) {
    TRY(const Current::Use database, implementation_->current.use());
    TRY(std::optional<std::string> value, database->get(partition, key, false));
    if (!value && !implementation_->committer.has_partition(partition))
        return fail(Code::not_found, "no such partition");
    return value;
}

Result<ScanEnd> Engine::scan(PartitionId partition, const Range& range, const RowVisitor& visit) {
    if (!implementation_->committer.has_partition(partition))
        return fail(Code::not_found, "no such partition");
    TRY(const Current::Use database, implementation_->current.use());
    return database->scan(partition, range, nullptr, implementation_->limits.scan_rows_max, visit);
}

Result<std::vector<Page>> Engine::read_together(PartitionId partition,
                                                const std::vector<Range>& ranges,
                                                std::size_t rows_max) {
    if (!implementation_->committer.has_partition(partition))
        return fail(Code::not_found, "no such partition");
    TRY(const Current::Use database, implementation_->current.use());
    ::rocksdb::ManagedSnapshot moment(&database->db());
    std::vector<Page> pages;
    for (const Range& range : ranges) {
        Page& page = pages.emplace_back();
        TRY(const ScanEnd end,
            database->scan(partition, range, moment.snapshot(), rows_max,
                           [&page](std::string_view key, std::string_view value) {
                               page.rows.push_back({std::string(key), std::string(value)});
                               return true;
                           }));
        page.more = end.resume.has_value();
    }
    return pages;
}

Moment Engine::moment() const { return implementation_->committer.moment(); }

void Engine::commit(PartitionId partition, Batch batch, CommitDone done) {
    check_batch(batch, implementation_->limits);
    implementation_->committer.submit({.kind = Committer::Kind::change,
                                       .partition = partition,
                                       .batch = std::move(batch),
                                       .trim_before = 0,
                                       .done = std::move(done)});
}

Result<Sequence> Engine::last_sequence(PartitionId partition) {
    if (!implementation_->committer.has_partition(partition))
        return fail(Code::not_found, "no such partition");
    return implementation_->committer.visible_sequence();
}

std::unique_ptr<Watch> Engine::watch_journal(PartitionId partition,
                                             std::function<void()> appended) {
    return implementation_->committer.watches().add(partition, std::move(appended));
}

// By the committer like every write, synced, so that of all that was ever logged only the last
// record may be torn (log_tail.h).
Result<void> Engine::trim_journal(PartitionId partition, Sequence before) {
    return submit_and_wait(implementation_->committer, Committer::Kind::trim_journal, partition,
                           before);
}

Result<void> Engine::verify_files(const FileVisitor& visit) {
    return rocksdb::verify_files(implementation_->current, visit);
}

Result<void> Engine::checkpoint(const std::string& path) {
    TRY(const Current::Use database, implementation_->current.use());
    ::rocksdb::Checkpoint* made = nullptr;
    ::rocksdb::Status status = ::rocksdb::Checkpoint::Create(&database->db(), &made);
    const std::unique_ptr<::rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(path);
    if (!status.ok()) return fail(to_error(status, "copying the database"));
    return {};
}

void Engine::stop() { implementation_->committer.stop(); }

Stats Engine::stats() const {
    Stats stats = implementation_->committer.stats();
    const Result<Current::Use> database = implementation_->current.try_use();
    if (!database) return stats;
    stats.memtable_bytes = (*database)->memtable_bytes();
    stats.block_cache_bytes = (*database)->block_cache().GetUsage();
    return stats;
}

}  // namespace weir::kv::rocksdb
