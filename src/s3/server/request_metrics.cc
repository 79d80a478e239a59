#include "s3/server/request_metrics.h"

#include <fmt/format.h>

namespace weir::s3 {
namespace {

const prometheus::Histogram::BucketBoundaries duration_buckets = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};

}  // namespace

RequestMetrics::RequestMetrics(Metrics& metrics)
    : requests_(prometheus::BuildCounter()
                    .Name("weir_s3_requests_total")
                    .Help("S3 requests by operation and class of status")
                    .Register(metrics)),
      durations_(prometheus::BuildHistogram()
                     .Name("weir_s3_request_seconds")
                     .Help("From the end of a request's head to the end of its reply")
                     .Register(metrics)),
      bytes_in_(prometheus::BuildCounter()
                    .Name("weir_s3_received_bytes_total")
                    .Help("Bytes of requests")
                    .Register(metrics)
                    .Add({})),
      bytes_out_(prometheus::BuildCounter()
                     .Name("weir_s3_sent_bytes_total")
                     .Help("Bytes of replies")
                     .Register(metrics)
                     .Add({})),
      by_operation_(all_operations().size()) {}

void RequestMetrics::done(Operation operation, unsigned status, double seconds,
                          std::uint64_t bytes_in, std::uint64_t bytes_out) {
    Counters& counters = by_operation_[static_cast<std::size_t>(operation)];
    const std::string name(operation_info(operation).name);
    std::atomic<prometheus::Counter*>& counter = counters.by_class[std::min(status / 100, 5u)];
    // Add() gives the same metric to all who race here.
    if (counter.load() == nullptr)
        counter =
            &requests_.Add({{"operation", name}, {"status", fmt::format("{}xx", status / 100)}});
    if (counters.seconds.load() == nullptr)
        counters.seconds = &durations_.Add({{"operation", name}}, duration_buckets);
    counter.load()->Increment();
    counters.seconds.load()->Observe(seconds);
    bytes_in_.Increment(static_cast<double>(bytes_in));
    bytes_out_.Increment(static_cast<double>(bytes_out));
}

}  // namespace weir::s3
