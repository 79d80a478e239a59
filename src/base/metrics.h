#pragma once
// Metrics are Prometheus families in one registry that main() owns and passes down (base/metrics.h
// is the only include others need). Names are weir_<module>_<what>_<unit>, as
// https://prometheus.io/docs/practices/naming/ asks.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace weir {

using Metrics = prometheus::Registry;

}  // namespace weir
