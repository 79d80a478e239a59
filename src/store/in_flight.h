#pragma once
// The blobs of this start whose fate is still open: written, but neither committed nor discarded.
// Its low-water mark is what the next start's orphan check begins at (store/orphans.h). What a
// fault left behind is given to the reclaimer, which decides it. Safe from any thread.

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "blob/store.h"

namespace weir::store {

class InFlight {
  public:
    explicit InFlight(const blob::Store& blobs) : blobs_(blobs) {}

    // Call before blob::Store::create: the blob's sequence will be at least what is returned.
    std::uint64_t begin() {
        MutexLock lock(mutex_);
        const std::uint64_t bound = blobs_.next_sequence();
        open_.insert(bound);
        return bound;
    }
    // The fate is decided.
    void end(std::uint64_t bound) {
        MutexLock lock(mutex_);
        open_.erase(open_.find(bound));
    }
    // A blob that could not be removed, or of which nobody knows whether it was committed.
    struct Left {
        blob::BlobId blob;
        std::uint64_t bound = 0;
    };
    // Instead of end().
    void leave(const Left& left) {
        MutexLock lock(mutex_);
        left_.push_back(left);
    }
    // All of them. The caller ends each, or leaves it again.
    std::vector<Left> take_left() {
        MutexLock lock(mutex_);
        return std::exchange(left_, {});
    }
    // Every blob of this start with a smaller sequence is committed or gone.
    std::uint64_t low_water() {
        MutexLock lock(mutex_);
        return open_.empty() ? blobs_.next_sequence() : *open_.begin();
    }

  private:
    const blob::Store& blobs_;
    Mutex mutex_;
    std::multiset<std::uint64_t> open_ GUARDED_BY(mutex_);
    std::vector<Left> left_ GUARDED_BY(mutex_);
};

}  // namespace weir::store
