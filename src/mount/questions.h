#pragma once
// What several threads may want to know of the store at a time: whoever comes first asks, the
// others wait for what he finds. Private to Listing.
//
// Owned by Listing; safe from any thread. Failure: that of the asking; cancelled for who waits and
// is interrupted.

#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"
#include "base/result.h"
#include "client/s3_client.h"
#include "mount/node.h"

namespace weir::mount {

// So long an interrupt may go unnoticed by who waits for another thread.
inline constexpr std::chrono::milliseconds interrupt_poll{50};

struct Question {
    NodeId about = 0;
    // Nobody waits for it yet. Where it is being asked already nothing happens, and that it fails
    // is no answer for those who came to wait.
    bool ahead = false;
};

class Questions {
  public:
    Result<void> ask(const Question& question, const client::Call& call,
                     const std::function<Result<void>()>& ask) EXCLUDES(mutex_);

  private:
    struct Asking;

    Mutex mutex_;
    ConditionVariable answered_;
    std::unordered_map<NodeId, std::shared_ptr<Asking>> asking_ GUARDED_BY(mutex_);
};

}  // namespace weir::mount
