#pragma once
// The first of the two seams to an engine: ordered keys in partitions, changed by conditional
// batches. Whatever Weir knows about buckets, objects and keys lies in such rows (docs/FORMAT.md).
// Implementations: kv/memory (the strictest), kv/rocksdb (embedded). kv/contract_test.h says what
// each must do; a RADOS omap must be able to pass it unchanged.
//
// Owned by main(). Every method may be called from any thread; all but try_get and commit may block
// on a disk. What commit() acknowledged is durable; what it refused left no trace; after io_error,
// no_space or unavailable it may or may not have happened, and the caller reads again to find out.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong_type.h"

namespace weir::kv {

// A key range that lives in one place and in which batches are atomic. Ids are chosen by the caller
// and never reused.
using PartitionId = StrongType<struct PartitionIdTag, std::uint64_t>;

// Orders the journal entries of one partition; later entries have greater numbers, gaps are
// allowed.
using Sequence = std::uint64_t;

struct Row {
    std::string key;
    std::string value;

    friend bool operator==(const Row&, const Row&) = default;
};

// A point in an engine's order of commits; 0 is none.
using Moment = std::uint64_t;

// What must hold for a batch to be applied: the key has exactly this value, or (nullopt) is absent.
struct Condition {
    std::string key;
    std::optional<std::string> value;
    // It was read, from the engine that it is committed to, after the batch's moment: an engine
    // that knows that nobody wrote the row since need not read it again.
    bool read_since = false;
};

// Keys from `begin` up to but not including `end` (empty: to the end of the partition).
struct Range {
    std::string begin;
    std::string end;
};

// What must hold as well: the range has exactly so many rows. With a condition on each of them, it
// has those and no others. The range has an end and lies within one kind of rows (one first byte).
struct RangeCondition {
    Range range;
    std::size_t rows = 0;
};

// One atomic change of one partition. Values are never empty; a key appears at most once among puts
// and removes. The bounds are Limits::batch_rows_max and batch_bytes_max; a batch past them is a
// bug of the caller (CHECK).
struct Batch {
    Moment moment = 0;  // Engine::moment()
    std::vector<Condition> conditions;
    std::vector<RangeCondition> range_conditions;
    std::vector<Row> puts;
    std::vector<std::string> removes;  // removing what is absent is no error
    std::vector<std::string>
        appends;  // journal entries: the engine gives each the key journal_key(its sequence)

    void require(std::string key, std::optional<std::string> value) {
        conditions.push_back({std::move(key), std::move(value)});
    }
    // What was read after `moment` was taken, and not before.
    void require_as_read(std::string key, std::optional<std::string> value) {
        conditions.push_back({std::move(key), std::move(value), true});
    }
    void require_rows(Range range, std::size_t rows) {
        range_conditions.push_back({std::move(range), rows});
    }
    void put(std::string key, std::string value) {
        puts.push_back({std::move(key), std::move(value)});
    }
    void remove(std::string key) { removes.push_back(std::move(key)); }
    void append(std::string entry) { appends.push_back(std::move(entry)); }
    std::size_t bytes() const;
    // All that Limits::batch_rows_max bounds.
    std::size_t rows() const;
};

struct Committed {
    // Of the last append, 0 if the batch had none; the n-th from last has this minus n.
    Sequence last_sequence = 0;
};

// Called once, from a thread of the engine's: keep it short and never block in it. Code::conflict
// when a condition did not hold; not_found when the partition does not exist; slow_down when too
// many batches wait; read_only when a write failed before and the cause is not gone.
using CommitDone = std::function<void(Result<Committed>)>;

// The rows whose keys start with `prefix`.
Range prefix_range(std::string_view prefix);

// Sees each row in order; the views live until it returns. Returns false to stop the scan.
using RowVisitor = std::function<bool(std::string_view key, std::string_view value)>;

struct ScanEnd {
    // Where to go on when the engine ended its page before the range was done; nullopt when every
    // row of the range was seen or the visitor stopped.
    std::optional<std::string> resume;
};

// Sees each file once it was read: its size, and what is wrong with it. May sleep. Returns false to
// stop.
using FileVisitor = std::function<bool(const std::string& file, std::uint64_t bytes,
                                       const std::optional<std::string>& wrong)>;

struct Page {
    std::vector<Row> rows;
    bool more = false;  // the range has rows behind these
};

// First bytes that an engine may treat apart: bulky values (bodies, part tables, checksums) that no
// listing reads, and the journal, which is written once, read in order and trimmed from its start.
inline constexpr char bulk_prefix = 'd';
inline constexpr char journal_prefix = 'j';
// Few rows, of buckets and their fences, that nearly every request reads and hardly any writes.
inline constexpr std::string_view hot_prefixes = "Be";
std::string journal_key(Sequence sequence);
Sequence journal_sequence(std::string_view key);

// Engine::watch_journal() goes on while it lives; no call runs any more once it is gone. May not
// outlive its engine.
class Watch {
  public:
    Watch() = default;
    virtual ~Watch() = default;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
};

class Engine {
  public:
    virtual ~Engine() = default;

    // Creating what exists and dropping what does not is no error: both may be repeated after a
    // crash. Dropping removes every row.
    virtual Result<void> create_partition(PartitionId partition) = 0;
    virtual Result<void> drop_partition(PartitionId partition) = 0;

    // From memory, or Code::would_block.
    virtual Result<std::optional<std::string>> try_get(PartitionId partition,
                                                       std::string_view key) = 0;
    virtual Result<std::optional<std::string>> get(PartitionId partition, std::string_view key) = 0;

    // One page, consistent in itself: at most Limits::scan_rows_max rows, perhaps fewer. scan_all()
    // below turns pages into the whole range.
    virtual Result<ScanEnd> scan(PartitionId partition, const Range& range,
                                 const RowVisitor& visit) = 0;

    // The first rows of several ranges, all as they are at one moment: at most `rows_max` of each,
    // perhaps fewer, but one where there is one.
    virtual Result<std::vector<Page>> read_together(PartitionId partition,
                                                    const std::vector<Range>& ranges,
                                                    std::size_t rows_max) = 0;

    // Now; 0 where that is of no use. Whoever reads after this sees all that was committed before.
    virtual Moment moment() const { return 0; }

    // Checks the conditions and applies the batch, atomically and durably, and then calls `done`.
    // Whoever reads after that sees the batch, and the journal up to it.
    virtual void commit(PartitionId partition, Batch batch, CommitDone done) = 0;

    // Up to here every journal entry of the partition can be read, and what comes later is greater.
    virtual Result<Sequence> last_sequence(PartitionId partition) = 0;

    // Calls `appended` whenever entries of the partition's journal have appeared since it was
    // called last, or the partition was dropped; perhaps for nothing, too. By a thread of the
    // engine's: keep it short, and neither call the engine in it nor end the watch. Whoever begins
    // to watch and then reads misses nothing.
    virtual std::unique_ptr<Watch> watch_journal(PartitionId partition,
                                                 std::function<void()> appended) = 0;

    // Removes the journal entries before `before`.
    virtual Result<void> trim_journal(PartitionId partition, Sequence before) = 0;

    // Reads the engine's own files again and names each that is not what was written. It sees what
    // no row shows any more, and files of which nothing can be read; values kept apart from their
    // keys it leaves to whoever reads the rows. What a damaged log was for it writes anew.
    virtual Result<void> verify_files(const FileVisitor& visit) = 0;

    // Flushes, waits for open commits, stops the engine's threads. Later calls fail with
    // unavailable.
    virtual void stop() = 0;
};

// Visits every row of the range, page by page; each page is consistent, the whole is not. Stops
// when `visit` says so.
Result<void> scan_all(Engine& engine, PartitionId partition, Range range, const RowVisitor& visit);

// The first `rows_max` rows of the range.
Result<std::vector<Row>> read_rows(Engine& engine, PartitionId partition, Range range,
                                   std::size_t rows_max);

// Every row of the range, some at a time: no scan is open while `visit` works, so that it may block
// or change rows. Its error ends the walk.
Result<void> each_row(Engine& engine, PartitionId partition, Range range,
                      const std::function<Result<void>(const Row&)>& visit);

// commit() for threads that may wait.
Result<Committed> commit_and_wait(Engine& engine, PartitionId partition, Batch batch);

}  // namespace weir::kv
