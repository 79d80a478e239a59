#pragma once
// For tests: a Engine that passes every call on. What overrides one of them can look, fail, or
// do something of its own first. Owned by a test; as safe from threads as what it passes on to.

#include "kv/engine.h"

namespace weir::kv {

class ForwardingEngine : public Engine {
  public:
    explicit ForwardingEngine(Engine& engine) : engine_(engine) {}

    Result<void> create_partition(PartitionId partition) override {
        return engine_.create_partition(partition);
    }
    Result<void> drop_partition(PartitionId partition) override {
        return engine_.drop_partition(partition);
    }
    Result<std::optional<std::string>> try_get(PartitionId partition,
                                               std::string_view key) override {
        return engine_.try_get(partition, key);
    }
    Result<std::optional<std::string>> get(PartitionId partition, std::string_view key) override {
        return engine_.get(partition, key);
    }
    Result<ScanEnd> scan(PartitionId partition, const Range& range,
                         const RowVisitor& visit) override {
        return engine_.scan(partition, range, visit);
    }
    Result<std::vector<Page>> read_together(PartitionId partition, const std::vector<Range>& ranges,
                                            std::size_t rows_max) override {
        return engine_.read_together(partition, ranges, rows_max);
    }
    Moment moment() const override { return engine_.moment(); }
    void commit(PartitionId partition, Batch batch, CommitDone done) override {
        engine_.commit(partition, std::move(batch), std::move(done));
    }
    Result<Sequence> last_sequence(PartitionId partition) override {
        return engine_.last_sequence(partition);
    }
    std::unique_ptr<Watch> watch_journal(PartitionId partition,
                                         std::function<void()> appended) override {
        return engine_.watch_journal(partition, std::move(appended));
    }
    Result<void> trim_journal(PartitionId partition, Sequence before) override {
        return engine_.trim_journal(partition, before);
    }
    Result<void> verify_files(const FileVisitor& visit) override {
        return engine_.verify_files(visit);
    }
    void stop() override {}

  private:
    Engine& engine_;
};

}  // namespace weir::kv
