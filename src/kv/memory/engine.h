#pragma once
// The engine for tests: in memory, and the strictest of all. What any engine may do, this one does:
// pages end early, reads find nothing in memory, a commit's reply gets lost after it was applied;
// and what no caller may do is a CHECK.
//
// Safe from any thread; `done` is called by the committing thread itself.

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "base/limits.h"
#include "base/mutex.h"
#include "kv/engine.h"
#include "kv/journal_watches.h"

namespace weir::kv::memory {

struct Options {
    std::uint64_t seed = 1;
    // Of 100: how many scans end a page after a few rows, how many try_get would block, how many
    // commits report unavailable although they were applied.
    unsigned short_pages_percent = 30;
    unsigned would_block_percent = 0;
    unsigned lost_replies_percent = 0;
};

class Engine final : public kv::Engine {
  public:
    explicit Engine(Options options = {}, Limits limits = {})
        : limits_(limits), options_(options), random_(options.seed) {}

    Result<void> create_partition(PartitionId partition) override;
    Result<void> drop_partition(PartitionId partition) override;
    Result<std::optional<std::string>> try_get(PartitionId partition,
                                               std::string_view key) override;
    Result<std::optional<std::string>> get(PartitionId partition, std::string_view key) override;
    Result<ScanEnd> scan(PartitionId partition, const Range& range,
                         const RowVisitor& visit) override;
    Result<std::vector<Page>> read_together(PartitionId partition, const std::vector<Range>& ranges,
                                            std::size_t rows_max) override;
    void commit(PartitionId partition, Batch batch, CommitDone done) override;
    Result<Sequence> last_sequence(PartitionId partition) override;
    std::unique_ptr<Watch> watch_journal(PartitionId partition,
                                         std::function<void()> appended) override;
    Result<void> trim_journal(PartitionId partition, Sequence before) override;
    Result<void> verify_files(const FileVisitor& visit) override;
    void stop() override;

    // After this many more commits every one fails with io_error and changes nothing, as on a disk
    // that died.
    void fail_after(std::uint64_t commits);
    void heal();
    // From now on, instead of what the options said.
    void lose_replies(unsigned percent);
    // Every row, for tests that look for leaks.
    std::vector<Row> rows(PartitionId partition);
    std::size_t partitions();

  private:
    using Rows = std::map<std::string, std::string, std::less<>>;

    Result<Committed> apply(PartitionId partition, const Batch& batch);
    Page read(const Rows& rows, const Range& range, std::size_t rows_max) REQUIRES(mutex_);
    bool chance(unsigned percent) REQUIRES(mutex_);
    Rows* find(PartitionId partition) REQUIRES(mutex_);

    const Limits limits_;
    JournalWatches watches_;
    Mutex mutex_;
    Options options_ GUARDED_BY(mutex_);
    std::map<std::uint64_t, Rows> partitions_ GUARDED_BY(mutex_);
    std::mt19937_64 random_ GUARDED_BY(mutex_);
    Sequence last_sequence_ GUARDED_BY(mutex_) = 0;
    std::optional<std::uint64_t> commits_left_ GUARDED_BY(mutex_);
    bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::kv::memory
