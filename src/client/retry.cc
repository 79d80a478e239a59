#include "client/retry.h"

#include <algorithm>

#include "base/random.h"

namespace weir::client {

bool RetryBudget::take(unsigned cost) {
    MutexLock lock(mutex_);
    if (tokens_ < cost) return false;
    tokens_ -= cost;
    return true;
}

void RetryBudget::give_back(unsigned tokens) {
    MutexLock lock(mutex_);
    tokens_ = std::min(tokens_ + tokens, tokens_max_);
}

std::chrono::milliseconds backoff(const ClientLimits& limits, unsigned retry) {
    constexpr unsigned doublings_max = 20;
    const std::uint64_t most = std::min(
        limits.backoff_base_ms << std::min(retry - 1, doublings_max), limits.backoff_max_ms);
    return std::chrono::milliseconds(random_u64() % (most + 1));
}

}  // namespace weir::client
