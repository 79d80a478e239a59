#pragma once
// When rows were last written, near enough to tell that one was not: then a condition on what was
// read since a moment holds without reading the row again. Rows share slots by their hash, so the
// answer may be "perhaps" for nothing, never "no" for one that was.
//
// Owned by the committer, whose thread alone may call; but now() is safe from any thread.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "kv/engine.h"

namespace weir::kv::rocksdb {

class RecentWrites {
  public:
    // Every group that was done() before is seen by whoever reads after this.
    Moment now() const { return now_; }

    // The group that is being put together writes the row.
    void note(std::string_view full_key) { slot(full_key) = now_ + 1; }
    // It is visible.
    void done() { ++now_; }
    // Rows may have changed that were not noted: no moment up to now tells anything any more.
    void forget() {
        done();
        oldest_ = now_;
    }

    bool may_be_written_since(std::string_view full_key, Moment moment) const {
        return moment < oldest_ || slots_[index(full_key)] > moment;
    }

  private:
    static constexpr std::size_t slots = 32 * 1024;

    static std::size_t index(std::string_view full_key) {
        return std::hash<std::string_view>()(full_key) % slots;
    }
    Moment& slot(std::string_view full_key) { return slots_[index(full_key)]; }

    std::vector<Moment> slots_ = std::vector<Moment>(slots);
    Moment oldest_ = 1;
    std::atomic<Moment> now_ = 1;
};

}  // namespace weir::kv::rocksdb
