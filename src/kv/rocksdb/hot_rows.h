#pragma once
// The few rows that every request reads (kv::hot_prefixes), by value: what a lookup in RocksDB
// would find. They are right by construction: before anything of theirs is written all that is held
// stops counting, and only what was read wholly between two such writes is held.
//
// Owned by the engine; reads are safe from any thread, writing() and written() are the committer's
// alone.

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "kv/engine.h"
#include "kv/rocksdb/thread_slot.h"

namespace weir::kv::rocksdb {

class HotRows {
  public:
    static bool covers(std::string_view key) {
        return !key.empty() && hot_prefixes.contains(key.front());
    }

    // Odd while something is being written.
    using Epoch = std::uint64_t;
    Epoch epoch() const { return epoch_; }

    std::optional<std::string> find(const std::string& full_key) {
        Shard& shard = shard_of_thread();
        const MutexLock lock(shard.mutex);
        const auto found = shard.rows.find(full_key);
        if (found == shard.rows.end() || found->second.epoch != epoch_) return std::nullopt;
        return found->second.value;
    }
    // What was read after epoch() said so.
    void hold(std::string full_key, const std::string& value, Epoch epoch) {
        Shard& shard = shard_of_thread();
        const MutexLock lock(shard.mutex);
        if (epoch % 2 == 1 || epoch != epoch_) return;
        if (shard.rows.size() >= rows_max && !shard.rows.contains(full_key)) shard.rows.clear();
        shard.rows.insert_or_assign(std::move(full_key), Row{.epoch = epoch, .value = value});
    }

    void writing() { ++epoch_; }
    void written() { ++epoch_; }

  private:
    static constexpr std::size_t rows_max = 1024;  // of a shard

    struct Row {
        Epoch epoch = 0;
        std::string value;
    };
    // By thread, so that cores do not wait for each other.
    struct alignas(64) Shard {
        Mutex mutex;
        std::unordered_map<std::string, Row> rows GUARDED_BY(mutex);
    };
    Shard& shard_of_thread() { return shards_[thread_slot() % shards_.size()]; }

    std::atomic<Epoch> epoch_ = 0;
    std::array<Shard, 16> shards_;
};

}  // namespace weir::kv::rocksdb
