#include "server/damage_metrics.h"

#include <prometheus/metric_family.h>

namespace weir::server {
namespace {

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type,
                                std::uint64_t value) {
    prometheus::ClientMetric metric;
    (type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) =
        static_cast<double>(value);
    return {.name = name, .help = help, .type = type, .metric = {std::move(metric)}};
}

class DamageCollector final : public prometheus::Collectable {
  public:
    explicit DamageCollector(const store::Damage& damage) : damage_(damage) {}

    std::vector<prometheus::MetricFamily> Collect() const override {
        return {family("weir_damaged_blobs", "Blobs that are known to be damaged and not served",
                       prometheus::MetricType::Gauge, damage_.size()),
                family("weir_damage_met_total", "How often something damaged was met",
                       prometheus::MetricType::Counter, damage_.met())};
    }

  private:
    const store::Damage& damage_;
};

}  // namespace

std::unique_ptr<prometheus::Collectable> collect_damage(const store::Damage& damage) {
    return std::make_unique<DamageCollector>(damage);
}

}  // namespace weir::server
