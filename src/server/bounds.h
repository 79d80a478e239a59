#pragma once
// Every bound of base/limits.h with what is used of it now, for `weir admin limits` and as metrics.

#include <memory>
#include <vector>

#include "base/limits.h"
#include "base/metrics.h"
#include "blob/local/store.h"
#include "hash/lane_scheduler.h"
#include "http/server.h"
#include "io/blocking_pool.h"
#include "io/buffer_pool.h"
#include "io/byte_budget.h"
#include "kv/rocksdb/engine.h"
#include "s3/server/journal_streams.h"
#include "server/admin.h"
#include "store/object_store.h"

namespace weir::server {

// The parts must outlive what is returned.
std::vector<BoundInUse> bounds_in_use(
    const Limits& limits, const kv::rocksdb::Engine& kv, const blob::local::Store& blobs,
    const store::ObjectStore& store, const io::BlockingPool& pool, const io::BufferPool& buffers,
    const hash::LaneScheduler& lanes, const io::ByteBudget& xml_memory,
    const s3::JournalStreams& journal_streams, const http::Server& s3_server);

// weir_limit_bound and weir_limit_use, read when they are collected.
std::unique_ptr<prometheus::Collectable> collect_bounds(std::vector<BoundInUse> bounds);

}  // namespace weir::server
