#pragma once
// When to try again: the wait before a try, and a budget that all calls share, so that a server
// that is down is not asked by everybody eight times. Private to client.
//
// A RetryBudget belongs to its S3Client; safe from any thread. Nothing here fails.

#include <chrono>

#include "base/limits.h"
#include "base/mutex.h"

namespace weir::client {

// A token bucket, as AWS's SDKs keep one.
class RetryBudget {
  public:
    explicit RetryBudget(const ClientLimits& limits)
        : tokens_max_(limits.retry_budget), tokens_(limits.retry_budget) {}

    // False if too little is left.
    bool take(unsigned cost);
    void give_back(unsigned tokens);

  private:
    const unsigned tokens_max_;
    Mutex mutex_;
    unsigned tokens_ GUARDED_BY(mutex_);
};

// Before the `retry`-th retry (from 1): anything up to the base doubled each time, so that those
// who failed together do not come back together.
std::chrono::milliseconds backoff(const ClientLimits& limits, unsigned retry);

}  // namespace weir::client
