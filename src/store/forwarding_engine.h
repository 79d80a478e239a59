#pragma once
// For tests: a kv::Engine that passes every call on. What overrides one of them can look, fail, or
// do something of its own first. Owned by a test; as safe from threads as what it passes on to.

#include "kv/engine.h"

namespace weir::store {

class ForwardingEngine : public kv::Engine {
  public:
    explicit ForwardingEngine(kv::Engine& engine) : engine_(engine) {}

    Result<void> create_partition(kv::PartitionId partition) override {
        return engine_.create_partition(partition);
    }
    Result<void> drop_partition(kv::PartitionId partition) override {
        return engine_.drop_partition(partition);
    }
    Result<std::optional<std::string>> try_get(kv::PartitionId partition,
                                               std::string_view key) override {
        return engine_.try_get(partition, key);
    }
    Result<std::optional<std::string>> get(kv::PartitionId partition,
                                           std::string_view key) override {
        return engine_.get(partition, key);
    }
    Result<kv::ScanEnd> scan(kv::PartitionId partition, const kv::Range& range,
                             const kv::RowVisitor& visit) override {
        return engine_.scan(partition, range, visit);
    }
    Result<std::vector<kv::Page>> read_together(kv::PartitionId partition,
                                                const std::vector<kv::Range>& ranges,
                                                std::size_t rows_max) override {
        return engine_.read_together(partition, ranges, rows_max);
    }
    void commit(kv::PartitionId partition, kv::Batch batch, kv::CommitDone done) override {
        engine_.commit(partition, std::move(batch), std::move(done));
    }
    Result<void> trim_journal(kv::PartitionId partition, kv::Sequence before) override {
        return engine_.trim_journal(partition, before);
    }
    void stop() override {}

  private:
    kv::Engine& engine_;
};

}  // namespace weir::store
