#include "server/lane_metrics.h"

namespace weir::server {
namespace {

prometheus::MetricFamily counter(std::string name, std::string help, std::uint64_t value) {
    prometheus::ClientMetric metric;
    metric.counter.value = static_cast<double>(value);
    return {.name = std::move(name),
            .help = std::move(help),
            .type = prometheus::MetricType::Counter,
            .metric = {metric}};
}

class LanesCollector final : public prometheus::Collectable {
  public:
    explicit LanesCollector(const hash::LaneScheduler& lanes) : lanes_(lanes) {}

    std::vector<prometheus::MetricFamily> Collect() const override {
        const hash::LaneScheduler::Stats stats = lanes_.stats();
        return {counter("weir_hash_groups_total",
                        "Groups of buffers whose MD5 and SHA-256 ran together", stats.groups),
                counter("weir_hash_buffers_total", "Buffers in those groups", stats.jobs)};
    }

  private:
    const hash::LaneScheduler& lanes_;
};

}  // namespace

std::unique_ptr<prometheus::Collectable> collect_lanes(const hash::LaneScheduler& lanes) {
    return std::make_unique<LanesCollector>(lanes);
}

}  // namespace weir::server
