#pragma once
// What every part of the store works with: the two engines, the clock, the log, the bounds, and who
// we are. Filled once by whoever builds an ObjectStore; references must outlive it.

#include <memory>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "blob/store.h"
#include "kv/engine.h"
#include "meta/version.h"
#include "store/moments.h"

namespace weir::store {

// May a read wait for a disk? If not, it answers from memory or with Code::would_block.
enum class Wait { yes, no };

struct Settings {
    // Bytes of a deleted object stay this long, so that a GET that began before can end. Longer
    // than any GET where an engine cannot keep an open blob readable; files can, so here it only
    // spares the GET a second look.
    UnixNanos reclaim_delay_nanos = 60 * nanos_per_second;
    // A bucket's journal goes back so far, and holds so much, whichever is less.
    UnixNanos journal_keep_nanos = 7 * 24 * 3600 * nanos_per_second;
    std::uint64_t journal_keep_bytes = 256 * MiB;
};

struct Context {
    kv::Engine& kv;
    blob::Store& blobs;
    const Clock& clock;
    Log& log;
    const Limits& limits;
    Settings settings;
    meta::VersionSource source;
    std::shared_ptr<Moments> moments = std::make_shared<Moments>();
};

}  // namespace weir::store
