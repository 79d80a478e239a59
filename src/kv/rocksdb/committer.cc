#include "kv/rocksdb/committer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace weir::kv::rocksdb {
namespace {

// Partition 0 is the engine's own.
const PartitionId engine_partition{0};
constexpr std::string_view format_row = "format", format = "1";
constexpr std::string_view sequence_row = "s";
constexpr char partition_prefix = 'P';

// A group is one write of RocksDB's and held in memory twice.
constexpr std::size_t group_bytes_max = 32 * MiB;
// How soon a database that stopped is opened anew: at first, and when that keeps failing.
constexpr std::chrono::milliseconds pause_min(100), pause_max(2000);
// How often a committer without work looks whether it stopped.
constexpr std::chrono::milliseconds look_interval(500);

std::string partition_row(PartitionId partition) {
    std::string key(1, partition_prefix);
    append_be64(key, partition.value());
    return key;
}

std::string be64(std::uint64_t value) {
    std::string bytes;
    append_be64(bytes, value);
    return bytes;
}

}  // namespace

Committer::Committer(Current& current, HotRows& hot_rows, const Limits& limits, Log& log)
    : current_(current), hot_rows_(hot_rows), limits_(limits), log_(log) {}

Result<void> Committer::start() {
    database_ = &current_.own();
    TRY_VOID(load());
    TRY(const std::optional<std::string> found,
        database_->get(engine_partition, format_row, false));
    if (!found) TRY_VOID(prove());
    thread_ = std::thread([this] { run(); });
    return {};
}

// The partitions and the last sequence; numbers that a failed group took stay taken.
Result<void> Committer::load() {
    TRY(const std::optional<std::string> found,
        database_->get(engine_partition, format_row, false));
    if (found && *found != format)
        return fail(
            Code::invalid_request,
            fmt::format("the database has format {}, this program reads {}", *found, format));
    TRY(const std::optional<std::string> sequence,
        database_->get(engine_partition, sequence_row, false));
    if (sequence) last_sequence_ = std::max(last_sequence_, read_be64(*sequence));
    std::unordered_set<std::uint64_t> partitions;
    const std::string begin = full_key(engine_partition, std::string(1, partition_prefix));
    std::unique_ptr<::rocksdb::Iterator> rows(
        database_->db().NewIterator(::rocksdb::ReadOptions(), database_->family(partition_prefix)));
    for (rows->Seek(begin); rows->Valid() && rows->key().starts_with(begin); rows->Next())
        partitions.insert(read_be64(rows->key().ToStringView().substr(begin.size())));
    if (!rows->status().ok()) return fail(to_error(rows->status(), "reading the partitions"));
    {
        MutexLock lock(mutex_);
        partitions_ = std::move(partitions);
    }
    // What a failed group appended has shown itself now, or is gone.
    visible_sequence_ = last_sequence_;
    watches_.appended_anywhere();
    return {};
}

// A write that nobody waits for.
Result<void> Committer::prove() {
    ::rocksdb::WriteBatch writes;
    writes.Put(database_->family(format_row.front()), full_key(engine_partition, format_row),
               std::string(format));
    return write(writes);
}

void Committer::pause() {
    pause_ = std::clamp(pause_ * 2, pause_min, pause_max);
    try_again_ = std::chrono::steady_clock::now() + pause_;
}

// Done if the database writes. Else it is opened anew, unless that was tried a moment ago.
Result<void> Committer::recover() {
    if (!database_->stopped()) return {};
    if (std::chrono::steady_clock::now() < try_again_ && cause_) return fail(*cause_);
    // A write that failed may show itself now.
    hot_rows_.writing();
    Result<void> opened = current_.reopen();
    hot_rows_.written();
    database_ = &current_.own();
    recent_.forget();
    if (opened) {
        opened = load();
        if (!opened) database_->stop();  // or the next group would go on without
    }
    if (opened) opened = prove();
    if (opened) {
        cause_.reset();
        log_.info("the database writes again");
        return {};
    }
    const std::string why(opened.error().message());
    if (!cause_ || cause_->message().find(why) == std::string_view::npos)
        log_.error("the database cannot write yet: {}", opened.error().describe());
    cause_ = Error(Code::read_only, fmt::format("The store cannot write: {}", why));
    pause();
    return fail(*cause_);
}

void Committer::stop() {
    {
        MutexLock lock(mutex_);
        stopping_ = true;
    }
    waiting_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Committer::submit(Job job) {
    Code refused = Code::slow_down;
    {
        MutexLock lock(mutex_);
        if (stopping_) {
            refused = Code::unavailable;
        } else if (queue_.size() < limits_.commit_queue_max) {
            queue_.push_back(std::move(job));
            if (queue_.size() == 1) waiting_.notify_one();
            return;
        }
    }
    job.done(fail(refused));
}

bool Committer::has_partition(PartitionId partition) const {
    MutexLock lock(mutex_);
    return partitions_.contains(partition.value());
}

void Committer::run() {
    std::vector<Job> group;
    while (take_group(group)) {
        if (group.empty()) {
            // What it says is told to whoever wants to write.
            static_cast<void>(recover());
            continue;
        }
        commit_group(std::exchange(group, {}));
    }
}

// False at the end; an empty group when nothing came for a while. A partition is dropped in a group
// of its own: what a range deletion hides is not in the overlay.
bool Committer::take_group(std::vector<Job>& group) {
    MutexLock lock(mutex_);
    while (queue_.empty() && !stopping_)
        if (!waiting_.wait_for(mutex_, look_interval)) return true;
    if (queue_.empty()) return false;
    std::size_t bytes = 0;
    while (!queue_.empty() && group.size() < limits_.commit_group_max && bytes < group_bytes_max) {
        const bool alone = queue_.front().kind == Kind::drop_partition;
        if (alone && !group.empty()) break;
        bytes += queue_.front().batch.bytes();
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
        if (alone) break;
    }
    return true;
}

void Committer::add_all(const std::vector<Job>& group, ::rocksdb::WriteBatch& writes,
                        std::vector<Result<Committed>>& outcomes) {
    Overlay overlay;
    const Sequence sequence_before = last_sequence_;
    for (const Job& job : group) outcomes.push_back(add(job, writes, overlay));
    if (last_sequence_ != sequence_before)
        writes.Put(database_->family(sequence_row.front()),
                   full_key(engine_partition, sequence_row), be64(last_sequence_));
}

void Committer::commit_group(std::vector<Job> group) {
    ::rocksdb::WriteBatch writes;
    std::vector<Result<Committed>> outcomes;
    outcomes.reserve(group.size());
    if (const Result<void> ready = recover(); !ready) {
        outcomes.assign(group.size(), fail(ready.error()));
    } else {
        add_all(group, writes, outcomes);
    }
    if (writes.Count() > 0) {
        const bool hot = std::ranges::any_of(group, concerns_hot_rows);
        if (hot) hot_rows_.writing();
        const Result<void> written = write(writes);
        if (hot) hot_rows_.written();
        if (!written) {
            for (Result<Committed>& outcome : outcomes)
                if (outcome) outcome = fail(written.error());
        } else {
            group.front().kind == Kind::drop_partition ? recent_.forget() : recent_.done();
            visible_sequence_ = last_sequence_;
        }
    }
    ++groups_;
    batches_ += group.size();
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (outcomes[i]) {
            MutexLock lock(mutex_);
            if (group[i].kind == Kind::create_partition)
                partitions_.insert(group[i].partition.value());
            if (group[i].kind == Kind::drop_partition)
                partitions_.erase(group[i].partition.value());
        }
    }
    tell_watches(group, outcomes);
    for (std::size_t i = 0; i < group.size(); ++i) group[i].done(std::move(outcomes[i]));
}

// Each partition once, however many batches of the group were its.
void Committer::tell_watches(const std::vector<Job>& group,
                             const std::vector<Result<Committed>>& outcomes) {
    if (!watches_.any()) return;
    std::unordered_set<std::uint64_t> told;
    for (std::size_t i = 0; i < group.size(); ++i) {
        const bool concerned = outcomes[i] && (!group[i].batch.appends.empty() ||
                                               group[i].kind == Kind::drop_partition);
        if (concerned && told.insert(group[i].partition.value()).second)
            watches_.appended(group[i].partition);
    }
}

Result<bool> Committer::holds(const Job& job, const Condition& condition,
                              const Overlay& overlay) const {
    const std::string key = full_key(job.partition, condition.key);
    if (const auto changed = overlay.find(key); changed != overlay.end())
        return changed->second.has_value() == condition.value.has_value() &&
               (!condition.value || *changed->second == *condition.value);
    if (condition.read_since && !recent_.may_be_written_since(key, job.batch.moment)) return true;
    TRY(const std::optional<std::string> present,
        database_->get(job.partition, condition.key, false));
    return present == condition.value;
}

// Counts what the database has and the group has not touched, and what the group has put.
Result<bool> Committer::holds(const Job& job, const RangeCondition& condition,
                              const Overlay& overlay) const {
    std::size_t rows = 0;
    const auto count = [&](std::string_view key, std::string_view) {
        if (!overlay.contains(full_key(job.partition, key))) ++rows;
        return rows <= condition.rows;
    };
    for (std::optional<std::string> begin = condition.range.begin; begin;) {
        TRY(kv::ScanEnd end, database_->scan(job.partition, {*begin, condition.range.end}, nullptr,
                                             limits_.scan_rows_max, count));
        begin = std::move(end.resume);
    }
    const std::string begin = full_key(job.partition, condition.range.begin),
                      end = full_key(job.partition, condition.range.end);
    for (const auto& [key, value] : overlay)
        if (value && key >= begin && key < end) ++rows;
    return rows == condition.rows;
}

Result<bool> Committer::all_hold(const Job& job, const Overlay& overlay) const {
    for (const Condition& condition : job.batch.conditions) {
        TRY(const bool held, holds(job, condition, overlay));
        if (!held) return false;
    }
    for (const RangeCondition& condition : job.batch.range_conditions) {
        TRY(const bool held, holds(job, condition, overlay));
        if (!held) return false;
    }
    return true;
}

Result<Committed> Committer::add(const Job& job, ::rocksdb::WriteBatch& writes, Overlay& overlay) {
    if (job.kind == Kind::create_partition) {
        writes.Put(database_->family(partition_prefix),
                   full_key(engine_partition, partition_row(job.partition)), "1");
        return Committed{};
    }
    if (job.kind == Kind::drop_partition) {
        const std::string begin = be64(job.partition.value()),
                          end = be64(job.partition.value() + 1);
        for (::rocksdb::ColumnFamilyHandle* family : database_->families())
            writes.DeleteRange(family, begin, end);
        writes.Delete(database_->family(partition_prefix),
                      full_key(engine_partition, partition_row(job.partition)));
        return Committed{};
    }
    if (job.kind == Kind::trim_journal) {
        writes.DeleteRange(database_->family(journal_prefix),
                           full_key(job.partition, journal_key(0)),
                           full_key(job.partition, journal_key(job.trim_before)));
        return Committed{};
    }
    if (!has_partition(job.partition)) return fail(Code::not_found, "no such partition");
    TRY(const bool held, all_hold(job, overlay));
    if (!held) {
        ++conflicts_;
        return fail(Code::conflict);
    }
    for (const Row& row : job.batch.puts) {
        std::string key = full_key(job.partition, row.key);
        writes.Put(database_->family(row.key.front()), key, row.value);
        recent_.note(key);
        overlay[std::move(key)] = row.value;
    }
    for (const std::string& removed : job.batch.removes) {
        std::string key = full_key(job.partition, removed);
        writes.Delete(database_->family(removed.front()), key);
        recent_.note(key);
        overlay[std::move(key)] = std::nullopt;
    }
    Committed committed;
    for (const std::string& entry : job.batch.appends) {
        committed.last_sequence = ++last_sequence_;
        writes.Put(database_->family(journal_prefix),
                   full_key(job.partition, journal_key(last_sequence_)), entry);
    }
    return committed;
}

bool Committer::concerns_hot_rows(const Job& job) {
    return job.kind == Kind::drop_partition ||
           std::ranges::any_of(job.batch.puts, HotRows::covers, &Row::key) ||
           std::ranges::any_of(job.batch.removes, HotRows::covers);
}

Result<void> Committer::write(::rocksdb::WriteBatch& writes) {
    ::rocksdb::WriteOptions options;
    options.sync = true;
    const ::rocksdb::Status status = database_->db().Write(options, &writes);
    if (status.ok()) {
        pause_ = {};
        return {};
    }
    // Here and not only where RocksDB finds it as grave: its log may end in half a record now.
    database_->stop();
    pause();
    Error error = to_error(status, "writing to the database");
    cause_ = Error(Code::read_only, fmt::format("The store cannot write: {}", error.message()));
    log_.error("{}", error.describe());
    return fail(std::move(error));
}

Stats Committer::stats() const {
    MutexLock lock(mutex_);
    return {
        .groups = groups_, .batches = batches_, .conflicts = conflicts_, .queued = queue_.size()};
}

}  // namespace weir::kv::rocksdb
