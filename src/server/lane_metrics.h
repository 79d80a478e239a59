#pragma once
// How well the buffers of bodies share vector lanes, as metrics: weir_hash_groups_total and
// weir_hash_buffers_total, whose quotient is the number of busy lanes.

#include <memory>

#include "base/metrics.h"
#include "hash/lane_scheduler.h"

namespace weir::server {

// `lanes` must outlive what is returned; read when they are collected.
std::unique_ptr<prometheus::Collectable> collect_lanes(const hash::LaneScheduler& lanes);

}  // namespace weir::server
