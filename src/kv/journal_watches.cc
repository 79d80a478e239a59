#include "kv/journal_watches.h"

namespace weir::kv {

class JournalWatches::Registered final : public Watch {
  public:
    Registered(JournalWatches& watches, PartitionId partition, std::function<void()> appended)
        : watches_(watches), partition_(partition), appended_(std::move(appended)) {
        MutexLock lock(watches_.mutex_);
        watches_.callbacks_.emplace(partition_.value(), &appended_);
        ++watches_.count_;
    }
    // The lock is held while callbacks run, so none runs any more.
    ~Registered() override { watches_.remove(partition_, &appended_); }

  private:
    JournalWatches& watches_;
    const PartitionId partition_;
    const std::function<void()> appended_;
};

std::unique_ptr<Watch> JournalWatches::add(PartitionId partition, std::function<void()> appended) {
    return std::make_unique<Registered>(*this, partition, std::move(appended));
}

void JournalWatches::remove(PartitionId partition, const std::function<void()>* appended) {
    MutexLock lock(mutex_);
    const auto [begin, end] = callbacks_.equal_range(partition.value());
    for (auto each = begin; each != end; ++each) {
        if (each->second != appended) continue;
        callbacks_.erase(each);
        --count_;
        return;
    }
}

void JournalWatches::appended(PartitionId partition) {
    if (!any()) return;
    MutexLock lock(mutex_);
    const auto [begin, end] = callbacks_.equal_range(partition.value());
    for (auto each = begin; each != end; ++each) (*each->second)();
}

void JournalWatches::appended_anywhere() {
    MutexLock lock(mutex_);
    for (const auto& [partition, callback] : callbacks_) (*callback)();
}

}  // namespace weir::kv
