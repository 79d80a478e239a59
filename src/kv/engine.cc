#include "kv/engine.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mutex.h"

namespace weir::kv {

std::size_t Batch::bytes() const {
    std::size_t total = 0;
    for (const Condition& condition : conditions)
        total += condition.key.size() + (condition.value ? condition.value->size() : 0);
    for (const RangeCondition& condition : range_conditions)
        total += condition.range.begin.size() + condition.range.end.size();
    for (const Row& row : puts) total += row.key.size() + row.value.size();
    for (const std::string& key : removes) total += key.size();
    for (const std::string& entry : appends) total += entry.size();
    return total;
}

std::size_t Batch::rows() const {
    return conditions.size() + range_conditions.size() + puts.size() + removes.size() +
           appends.size();
}

Range prefix_range(std::string_view prefix) {
    Range range{.begin = std::string(prefix), .end = std::string(prefix)};
    while (!range.end.empty() && range.end.back() == '\xff') range.end.pop_back();
    if (!range.end.empty()) range.end.back() = static_cast<char>(range.end.back() + 1);
    return range;
}

std::string journal_key(Sequence sequence) {
    std::string key(1, journal_prefix);
    append_be64(key, sequence);
    return key;
}

Sequence journal_sequence(std::string_view key) {
    CHECK(key.size() == 9 && key.front() == journal_prefix);
    return read_be64(key.substr(1));
}

Result<void> scan_all(Engine& engine, PartitionId partition, Range range, const RowVisitor& visit) {
    for (;;) {
        TRY(ScanEnd page, engine.scan(partition, range, visit));
        if (!page.resume) return {};
        range.begin = *std::move(page.resume);
    }
}

Result<std::vector<Row>> read_rows(Engine& engine, PartitionId partition, Range range,
                                   std::size_t rows_max) {
    std::vector<Row> rows;
    TRY_VOID(scan_all(engine, partition, std::move(range),
                      [&](std::string_view key, std::string_view value) {
                          rows.push_back({std::string(key), std::string(value)});
                          return rows.size() < rows_max;
                      }));
    return rows;
}

Result<void> each_row(Engine& engine, PartitionId partition, Range range,
                      const std::function<Result<void>(const Row&)>& visit) {
    constexpr std::size_t rows_a_round_max = 256;
    for (;;) {
        TRY(const std::vector<Row> rows, read_rows(engine, partition, range, rows_a_round_max));
        for (const Row& row : rows) TRY_VOID(visit(row));
        if (rows.size() < rows_a_round_max) return {};
        range.begin = rows.back().key + '\0';
    }
}

Result<Committed> commit_and_wait(Engine& engine, PartitionId partition, Batch batch) {
    Mutex mutex;
    ConditionVariable done;
    std::optional<Result<Committed>> outcome;
    engine.commit(partition, std::move(batch), [&](Result<Committed> committed) {
        MutexLock lock(mutex);
        outcome = std::move(committed);
        // Under the lock: the waiter may return, and take these away, as soon as it sees the
        // outcome.
        done.notify_one();
    });
    MutexLock lock(mutex);
    while (!outcome) done.wait(mutex);
    return *std::move(outcome);
}

}  // namespace weir::kv
