#pragma once
// Where rows of objects may lie: the buckets, and the partitions of deleted ones, whose blobs may
// still be used by copies elsewhere. For whoever has to look at all of them.

#include <string>
#include <vector>

#include "base/result.h"
#include "kv/engine.h"

namespace weir::store {

struct Place {
    std::string name;  // for people
    kv::PartitionId partition;
    bool drained = false;    // of a deleted bucket
    bool half_made = false;  // of a bucket that is being created: the partition may not be there
};

// The deleted buckets'.
Result<std::vector<Place>> drained_places(kv::Engine& kv);

// All. A bucket may be created, deleted or drained meanwhile: then its partition is not found.
Result<std::vector<Place>> every_place(kv::Engine& kv);

}  // namespace weir::store
