#pragma once
// weir scrub: reads every block again and compares it with its checksum, at a bounded rate, so that
// rot is found while another copy may still exist; the metadata too. Blobs that it finds damaged
// are refused to readers from then on (store/damage.h), blobs that it finds whole no longer.
// Blocking; the rate is kept by sleeping.

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "store/object_store.h"

namespace weir::inspect {

struct ScrubOptions {
    std::uint64_t bytes_per_second = 64 * MiB;  // 0: as fast as the disk gives
    // Called for each block or body that is not what was written.
    std::function<void(const std::string& where, const std::string& what)> on_damage;
    const std::atomic<bool>* cancel = nullptr;
};

struct ScrubReport {
    std::uint64_t files = 0;  // of the database
    std::uint64_t extents = 0;
    std::uint64_t bodies = 0;  // inline ones
    std::uint64_t bytes = 0;
    std::uint64_t damaged = 0;
};

Result<ScrubReport> scrub(store::ObjectStore& store, const ScrubOptions& options);

}  // namespace weir::inspect
