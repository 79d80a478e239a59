#pragma once
// The embedded engine: RocksDB 7.8, its write-ahead log synced before any commit is acknowledged.
// One committer thread takes the batches that wait, checks the conditions of each against the
// database and the batches before it, numbers the journal entries, and writes the whole group with
// one sync; meanwhile the next group gathers.
//
// Owned by main(); safe from any thread. A write that fails fails its whole group. From then on
// commits are refused (read_only) and reads go on, until the disk takes writes and the database was
// closed and opened anew, for which reads wait a moment (current.h).

#include <cstdint>
#include <memory>
#include <string>

#include "base/limits.h"
#include "base/log.h"
#include "kv/engine.h"

namespace weir::kv::rocksdb {

struct Options {
    std::string path;  // made if it is not there
    // Opens in spite of a damaged log, without what was acknowledged from there on.
    bool drop_damaged_log = false;
};

struct Stats {
    std::uint64_t groups = 0;
    std::uint64_t batches = 0;
    std::uint64_t conflicts = 0;
    std::size_t queued = 0;
    std::uint64_t memtable_bytes = 0;
    std::uint64_t block_cache_bytes = 0;
};

class Engine final : public kv::Engine {
  public:
    // Fails with one sentence when the database cannot be opened or another process holds it.
    static Result<std::unique_ptr<Engine>> open(const Options& options, const Limits& limits,
                                                Log& log);
    ~Engine() override;

    Result<void> create_partition(PartitionId partition) override;
    Result<void> drop_partition(PartitionId partition) override;
    Result<std::optional<std::string>> try_get(PartitionId partition,
                                               std::string_view key) override;
    Result<std::optional<std::string>> get(PartitionId partition, std::string_view key) override;
    Result<ScanEnd> scan(PartitionId partition, const Range& range,
                         const RowVisitor& visit) override;
    Result<std::vector<Page>> read_together(PartitionId partition, const std::vector<Range>& ranges,
                                            std::size_t rows_max) override;
    Moment moment() const override;
    void commit(PartitionId partition, Batch batch, CommitDone done) override;
    Result<Sequence> last_sequence(PartitionId partition) override;
    std::unique_ptr<Watch> watch_journal(PartitionId partition,
                                         std::function<void()> appended) override;
    Result<void> trim_journal(PartitionId partition, Sequence before) override;
    Result<void> verify_files(const FileVisitor& visit) override;
    void stop() override;

    // The database as it is at one moment, in a new folder that can be opened like this one; files
    // that never change are hard links where the file system can make them.
    Result<void> checkpoint(const std::string& path);

    Stats stats() const;

  private:
    class Implementation;
    explicit Engine(std::unique_ptr<Implementation> implementation);

    std::unique_ptr<Implementation> implementation_;
};

}  // namespace weir::kv::rocksdb
