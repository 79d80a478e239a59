#pragma once
// The streams of the journal that are open: a bound on their number, and their end when the server
// drains.
//
// Owned by main(); must outlive every Place. Safe from any thread; never blocks.

#include <atomic>
#include <memory>
#include <set>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "net/wakeup.h"

namespace weir::s3 {

class JournalStreams {
  public:
    explicit JournalStreams(std::size_t streams_max) : streams_max_(streams_max) {}

    // One stream's, for as long as it lives.
    class Place {
      public:
        Place(JournalStreams& streams, std::shared_ptr<net::Wakeup> wakeup)
            : streams_(&streams), wakeup_(std::move(wakeup)) {}
        ~Place();
        Place(Place&& other) noexcept
            : streams_(std::exchange(other.streams_, nullptr)), wakeup_(std::move(other.wakeup_)) {}
        Place& operator=(Place&&) = delete;

      private:
        JournalStreams* streams_;
        std::shared_ptr<net::Wakeup> wakeup_;
    };

    // slow_down above the bound, unavailable once closed. `wakeup` is announced on close().
    Result<Place> enter(std::shared_ptr<net::Wakeup> wakeup);

    // Ends all, and takes none any more.
    void close();
    bool closed() const { return closed_; }

    std::size_t size() const;

  private:
    const std::size_t streams_max_;
    std::atomic<bool> closed_ = false;
    mutable Mutex mutex_;
    std::set<std::shared_ptr<net::Wakeup>> open_ GUARDED_BY(mutex_);
};

}  // namespace weir::s3
