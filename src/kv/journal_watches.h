#pragma once
// Who waits for journal entries of which partition; each engine has one. To tell nobody costs a
// load.
//
// Owned by its engine, which must outlive every Watch. Safe from any thread.

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"
#include "kv/engine.h"

namespace weir::kv {

class JournalWatches {
  public:
    // Engine::watch_journal().
    std::unique_ptr<Watch> add(PartitionId partition, std::function<void()> appended);

    bool any() const { return count_ > 0; }
    // Call once whoever reads sees the entries, and last_sequence() tells of them: a watcher that
    // is not told now had not begun before, and reads them.
    void appended(PartitionId partition);
    // Entries may have appeared anywhere.
    void appended_anywhere();

  private:
    class Registered;
    using Callbacks = std::unordered_multimap<std::uint64_t, const std::function<void()>*>;

    void remove(PartitionId partition, const std::function<void()>* appended);

    std::atomic<std::size_t> count_ = 0;
    Mutex mutex_;
    Callbacks callbacks_ GUARDED_BY(mutex_);
};

}  // namespace weir::kv
