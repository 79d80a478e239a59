#include "kv/memory/engine.h"

#include <iterator>

#include "base/check.h"
#include "kv/batch_rules.h"

namespace weir::kv::memory {
namespace {

constexpr std::uint64_t short_page_rows_max = 3;

}  // namespace

bool Engine::chance(unsigned percent) { return random_() % 100 < percent; }

Engine::Rows* Engine::find(PartitionId partition) {
    const auto found = partitions_.find(partition.value());
    return found == partitions_.end() ? nullptr : &found->second;
}

Result<void> Engine::create_partition(PartitionId partition) {
    MutexLock lock(mutex_);
    if (stopped_) return fail(Code::unavailable);
    partitions_.try_emplace(partition.value());
    return {};
}

Result<void> Engine::drop_partition(PartitionId partition) {
    {
        MutexLock lock(mutex_);
        if (stopped_) return fail(Code::unavailable);
        partitions_.erase(partition.value());
    }
    watches_.appended(partition);
    return {};
}

Result<std::optional<std::string>> Engine::try_get(PartitionId partition, std::string_view key) {
    {
        MutexLock lock(mutex_);
        if (chance(options_.would_block_percent)) return fail(Code::would_block);
    }
    return get(partition, key);
}

Result<std::optional<std::string>> Engine::get(PartitionId partition, std::string_view key) {
    MutexLock lock(mutex_);
    if (stopped_) return fail(Code::unavailable);
    const Rows* rows = find(partition);
    if (rows == nullptr) return fail(Code::not_found, "no such partition");
    const auto row = rows->find(key);
    if (row == rows->end()) return std::nullopt;
    return row->second;
}

Page Engine::read(const Rows& rows, const Range& range, std::size_t rows_max) {
    Page page;
    if (chance(options_.short_pages_percent)) rows_max = 1 + random_() % short_page_rows_max;
    for (auto row = rows.lower_bound(range.begin); row != rows.end(); ++row) {
        if (!range.end.empty() && row->first >= range.end) break;
        if (page.rows.size() == rows_max) {
            page.more = true;
            break;
        }
        page.rows.push_back({row->first, row->second});
    }
    return page;
}

Result<ScanEnd> Engine::scan(PartitionId partition, const Range& range, const RowVisitor& visit) {
    Page page;
    {
        MutexLock lock(mutex_);
        if (stopped_) return fail(Code::unavailable);
        const Rows* rows = find(partition);
        if (rows == nullptr) return fail(Code::not_found, "no such partition");
        page = read(*rows, range, limits_.scan_rows_max);
    }
    // Outside the lock, so that a visitor may use the engine.
    for (const Row& row : page.rows)
        if (!visit(row.key, row.value)) return ScanEnd{};
    if (!page.more) return ScanEnd{};
    return ScanEnd{.resume = page.rows.back().key + '\0'};
}

Result<std::vector<Page>> Engine::read_together(PartitionId partition,
                                                const std::vector<Range>& ranges,
                                                std::size_t rows_max) {
    MutexLock lock(mutex_);
    if (stopped_) return fail(Code::unavailable);
    const Rows* rows = find(partition);
    if (rows == nullptr) return fail(Code::not_found, "no such partition");
    std::vector<Page> pages;
    for (const Range& range : ranges) pages.push_back(read(*rows, range, rows_max));
    return pages;
}

Result<Committed> Engine::apply(PartitionId partition, const Batch& batch) {
    MutexLock lock(mutex_);
    if (stopped_) return fail(Code::unavailable);
    if (commits_left_ && *commits_left_ == 0) return fail(Code::io_error, "the disk died");
    Rows* rows = find(partition);
    if (rows == nullptr) return fail(Code::not_found, "no such partition");
    for (const Condition& condition : batch.conditions) {
        const auto row = rows->find(condition.key);
        const bool holds = condition.value ? row != rows->end() && row->second == *condition.value
                                           : row == rows->end();
        if (!holds) return fail(Code::conflict);
    }
    for (const RangeCondition& condition : batch.range_conditions) {
        const auto begin = rows->lower_bound(condition.range.begin),
                   end = rows->lower_bound(condition.range.end);
        if (std::distance(begin, end) != static_cast<std::ptrdiff_t>(condition.rows))
            return fail(Code::conflict);
    }
    if (commits_left_) --*commits_left_;
    for (const Row& row : batch.puts) (*rows)[row.key] = row.value;
    for (const std::string& key : batch.removes) rows->erase(key);
    for (const std::string& entry : batch.appends) (*rows)[journal_key(++last_sequence_)] = entry;
    if (chance(options_.lost_replies_percent)) return fail(Code::unavailable, "the reply was lost");
    return Committed{.last_sequence = batch.appends.empty() ? 0 : last_sequence_};
}

void Engine::commit(PartitionId partition, Batch batch, CommitDone done) {
    check_batch(batch, limits_);
    Result<Committed> committed = apply(partition, batch);
    if (!batch.appends.empty()) watches_.appended(partition);
    done(std::move(committed));
}

Result<Sequence> Engine::last_sequence(PartitionId partition) {
    MutexLock lock(mutex_);
    if (stopped_) return fail(Code::unavailable);
    if (find(partition) == nullptr) return fail(Code::not_found, "no such partition");
    return last_sequence_;
}

std::unique_ptr<Watch> Engine::watch_journal(PartitionId partition,
                                             std::function<void()> appended) {
    return watches_.add(partition, std::move(appended));
}

Result<void> Engine::trim_journal(PartitionId partition, Sequence before) {
    MutexLock lock(mutex_);
    if (stopped_) return fail(Code::unavailable);
    Rows* rows = find(partition);
    if (rows == nullptr) return fail(Code::not_found, "no such partition");
    rows->erase(rows->lower_bound(journal_key(0)), rows->lower_bound(journal_key(before)));
    return {};
}

Result<void> Engine::verify_files(const FileVisitor&) { return {}; }

void Engine::stop() {
    MutexLock lock(mutex_);
    stopped_ = true;
}

void Engine::fail_after(std::uint64_t commits) {
    MutexLock lock(mutex_);
    commits_left_ = commits;
}

void Engine::heal() {
    MutexLock lock(mutex_);
    commits_left_.reset();
}

void Engine::lose_replies(unsigned percent) {
    MutexLock lock(mutex_);
    options_.lost_replies_percent = percent;
}

std::vector<Row> Engine::rows(PartitionId partition) {
    MutexLock lock(mutex_);
    std::vector<Row> all;
    if (const Rows* rows = find(partition))
        for (const auto& [key, value] : *rows) all.push_back({key, value});
    return all;
}

std::size_t Engine::partitions() {
    MutexLock lock(mutex_);
    return partitions_.size();
}

}  // namespace weir::kv::memory
