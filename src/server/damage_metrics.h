#pragma once
// What Prometheus hears of damage: weir_damaged_blobs, known and refused to readers, and
// weir_damage_met_total. An alert on either is the way to hear of rot.

#include <prometheus/collectable.h>

#include <memory>

#include "store/damage.h"

namespace weir::server {

// Read when it is collected; `damage` must outlive it.
std::unique_ptr<prometheus::Collectable> collect_damage(const store::Damage& damage);

}  // namespace weir::server
