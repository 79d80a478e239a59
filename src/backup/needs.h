#pragma once
// Which blobs the records of a store refer to.

#include <cstdint>
#include <map>

#include "base/result.h"
#include "blob/store.h"
#include "store/object_store.h"

namespace weir::backup {

struct Need {
    std::uint64_t end_bytes = 0;  // no record reaches further
    // An upload that is open may still write to it, outside the ranges that count now.
    bool growing = false;
};

using Needs = std::map<blob::BlobId, Need>;

// Of every bucket, its versions and open uploads. The store must stand still. Blocking.
Result<Needs> find_needs(store::ObjectStore& store);

}  // namespace weir::backup
