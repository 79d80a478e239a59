#include "server/bounds.h"

namespace weir::server {

std::vector<BoundInUse> bounds_in_use(
    const Limits& limits, const kv::rocksdb::Engine& kv, const blob::local::Store& blobs,
    const store::ObjectStore& store, const io::BlockingPool& pool, const io::BufferPool& buffers,
    const hash::LaneScheduler& lanes, const io::ByteBudget& xml_memory,
    const s3::JournalStreams& journal_streams, const http::Server& s3_server) {
    return {
        {"connections-max", limits.connections_max, [&] { return s3_server.connections(); }},
        {"request-head-bytes-max", limits.request_head_bytes_max, {}},
        {"request-headers-max", limits.request_headers_max, {}},
        {"xml-body-bytes-max", limits.xml_body_bytes_max, {}},
        {"xml-depth-max", limits.xml_depth_max, {}},
        {"xml-tags-max", limits.xml_tags_max, {}},
        {"head-timeout-ms", limits.head_timeout_ms, {}},
        {"idle-timeout-ms", limits.idle_timeout_ms, {}},
        {"stall-timeout-ms", limits.stall_timeout_ms, {}},
        {"drain-timeout-ms", limits.drain_timeout_ms, {}},
        {"body-buffer-bytes", limits.body_buffer_bytes, {}},
        {"body-buffers-max", limits.body_buffers_max, [&] { return buffers.in_use(); }},
        {"body-buffer-queue-max", limits.body_buffer_queue_max, [&] { return buffers.waiting(); }},
        {"hash-lanes", lanes.lanes(), [&] { return lanes.stats().waiting; }},
        {"hash-patience-ms", limits.hash_patience_ms, {}},
        {"xml-memory-bytes-max", limits.xml_memory_bytes_max, [&] { return xml_memory.in_use(); }},
        {"blocking-threads-max", limits.blocking_threads_max, [&] { return pool.threads(); }},
        {"blocking-queue-max", limits.blocking_queue_max, [&] { return pool.queued(); }},
        {"journal-streams-max", limits.journal_streams_max, [&] { return journal_streams.size(); }},
        {"journal-buffer-bytes", limits.journal_buffer_bytes, {}},
        {"commit-queue-max", limits.commit_queue_max, [&] { return kv.stats().queued; }},
        {"commit-group-max", limits.commit_group_max, {}},
        {"batch-rows-max", limits.batch_rows_max, {}},
        {"batch-bytes-max", limits.batch_bytes_max, {}},
        {"scan-rows-max", limits.scan_rows_max, {}},
        {"metadata-cache-bytes", limits.metadata_cache_bytes,
         [&] { return kv.stats().block_cache_bytes; }},
        {"inline-object-bytes-max", limits.inline_object_bytes_max, {}},
        {"open-blobs-max", limits.open_blobs_max, [&] { return blobs.open_count(); }},
        {"blob-descriptors-max", blobs.descriptors_max(), [&] { return blobs.descriptors(); }},
        {"damaged-blobs-max", limits.damaged_blobs_max, [&] { return store.damage().size(); }},
        {"shared-uploads-max", store::SharedBlobs::uploads_max,
         [&] { return store.shared_blobs_open(); }},
        {"buckets-per-owner-max", limits.buckets_per_owner_max, {}},
        {"access-keys-max", auth::KeyStore::keys_max, {}},
    };
}

namespace {

// Reads the bounds whenever Prometheus asks.
class BoundsCollector final : public prometheus::Collectable {
  public:
    explicit BoundsCollector(std::vector<BoundInUse> bounds) : bounds_(std::move(bounds)) {}

    std::vector<prometheus::MetricFamily> Collect() const override {
        prometheus::MetricFamily bound{.name = "weir_limit_bound",
                                       .help = "Every bound that Weir keeps",
                                       .type = prometheus::MetricType::Gauge,
                                       .metric = {}};
        prometheus::MetricFamily use{.name = "weir_limit_use",
                                     .help = "What is used of it",
                                     .type = prometheus::MetricType::Gauge,
                                     .metric = {}};
        for (const BoundInUse& entry : bounds_) {
            bound.metric.push_back(gauge(entry.name, entry.bound));
            if (entry.use) use.metric.push_back(gauge(entry.name, entry.use()));
        }
        return {std::move(bound), std::move(use)};
    }

  private:
    static prometheus::ClientMetric gauge(const std::string& name, std::uint64_t value) {
        prometheus::ClientMetric metric;
        metric.label = {{"limit", name}};
        metric.gauge.value = static_cast<double>(value);
        return metric;
    }

    std::vector<BoundInUse> bounds_;
};

}  // namespace

std::unique_ptr<prometheus::Collectable> collect_bounds(std::vector<BoundInUse> bounds) {
    return std::make_unique<BoundsCollector>(std::move(bounds));
}

}  // namespace weir::server
