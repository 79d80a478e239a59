#pragma once
// What engine.h asks of a batch, checked the same way by every engine: a batch that breaks it is
// its caller's bug.

#include "base/limits.h"
#include "kv/engine.h"

namespace weir::kv {

void check_batch(const Batch& batch, const Limits& limits);

}  // namespace weir::kv
