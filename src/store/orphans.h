#pragma once
// Blobs that a start of a server wrote and never committed, because it died. Each start takes a
// writer number of its own and keeps a low-water mark: all its blobs below are committed or gone.
// So the next start looks only at what lies above, however many blobs there are.
//
// Blocking; call from a thread that may wait. A blob is known to be committed by its checksum row
// (`c`), which is put by the commit that refers to it.

#include <cstdint>

#include "base/result.h"
#include "store/object_store.h"

namespace weir::store {

// A number that no start has had, durably ours.
Result<std::uint32_t> register_writer(kv::Engine& kv);
Result<void> save_writer_low_water(kv::Engine& kv, std::uint32_t writer, std::uint64_t low_water);

struct OrphanSweep {
    std::uint64_t checked = 0;
    std::uint64_t removed = 0;
};

// Removes the orphans of every start but this one's. The other starts must be dead: whoever holds
// the data directory's lock knows.
Result<OrphanSweep> sweep_orphans(ObjectStore& store, std::uint32_t writer);

// Whether some commit refers to the blob: its checksums lie in some bucket's partition.
Result<bool> is_committed(ObjectStore& store, blob::BlobId id);

}  // namespace weir::store
