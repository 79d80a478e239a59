#pragma once
// What Prometheus hears of requests: how many by operation and status, how long they took, how many
// bytes went each way. Safe from any thread.

#include <array>

#include "base/metrics.h"
#include "s3/proto/operations.h"

namespace weir::s3 {

class RequestMetrics {
  public:
    explicit RequestMetrics(Metrics& metrics);

    void done(Operation operation, unsigned status, double seconds, std::uint64_t bytes_in,
              std::uint64_t bytes_out);

  private:
    // Found once for each pair: looking a label up costs a lock and a hash of strings.
    struct Counters {
        std::array<std::atomic<prometheus::Counter*>, 6> by_class{};  // index: status / 100
        std::atomic<prometheus::Histogram*> seconds = nullptr;
    };

    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Family<prometheus::Histogram>& durations_;
    prometheus::Counter& bytes_in_;
    prometheus::Counter& bytes_out_;
    std::vector<Counters> by_operation_;
};

}  // namespace weir::s3
