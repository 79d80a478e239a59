#pragma once
// What copies and renames know of a source whose blobs they share (copy.cc). Private to store;
// plain values.

#include <string>
#include <vector>

#include "store/object_store.h"

namespace weir::store {

struct ObjectStore::Shared {
    meta::ObjectRecord record;
    std::vector<meta::Part> parts;
    std::string inline_bytes;  // the whole inline body
    std::uint64_t offset = 0;  // what was asked for, within the source
    std::uint64_t length = 0;
    std::vector<meta::Extent> extents;  // for the new user, with its referrer
    References references;              // the new user's
};

// A new version with the source's bytes.
struct ObjectStore::Made {
    meta::ObjectRecord record;
    meta::PartTable table;
};

}  // namespace weir::store
