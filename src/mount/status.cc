#include "mount/status.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>

#include "base/bytes.h"
#include "hash/crc.h"
#include "mount/draft_description.h"

namespace weir::mount {
namespace {

using Json = nlohmann::json;

std::string_view name_of(FollowState state) {
    switch (state) {
        case FollowState::connecting:
            return "connecting";
        case FollowState::following:
            return "following";
        case FollowState::unserved:
            return "unserved";
        case FollowState::off:
            break;
    }
    return "off";
}

Json list_of(const std::vector<FileProgress>& files) {
    Json list = Json::array();
    for (const FileProgress& file : files)
        list.push_back(
            {{"path", file.path}, {"done_bytes", file.done_bytes}, {"bytes", file.bytes}});
    return list;
}

Json list_of(const std::vector<FileProblem>& problems) {
    Json list = Json::array();
    for (const FileProblem& each : problems)
        list.push_back({{"path", each.path}, {"problem", each.problem}});
    return list;
}

Json list_of(const std::vector<KeptFile>& files) {
    Json list = Json::array();
    for (const KeptFile& each : files)
        list.push_back({{"id", each.id},
                        {"endpoint", each.endpoint},
                        {"bucket", each.bucket},
                        {"key", each.key},
                        {"bytes", each.bytes},
                        {"problem", each.problem}});
    return list;
}

using Families = std::vector<prometheus::MetricFamily>;

void add(Families& families, prometheus::MetricType type, std::string name, std::string help,
         std::uint64_t value) {
    prometheus::ClientMetric metric;
    const auto number = static_cast<double>(value);
    (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = number;
    families.push_back({.name = std::move(name),
                        .help = std::move(help),
                        .type = type,
                        .metric = {std::move(metric)}});
}

Families counters_of(const MountStatus& status) {
    constexpr auto counter = prometheus::MetricType::Counter;
    Families families;
    add(families, counter, "weir_mount_hit_bytes_total", "Bytes read that the cache had",
        status.hit_bytes);
    add(families, counter, "weir_mount_missed_bytes_total", "Bytes read that had to be fetched",
        status.missed_bytes);
    add(families, counter, "weir_mount_fetched_ahead_bytes_total",
        "Bytes fetched before they were asked for", status.fetched_ahead_bytes);
    add(families, counter, "weir_mount_fetch_failures_total", "Fetches that failed",
        status.fetch_failures);
    add(families, counter, "weir_mount_passthrough_opens_total",
        "Opens of files that the kernel reads by itself", status.passthrough_opens);
    add(families, counter, "weir_mount_evicted_bytes_total", "Bytes evicted from the cache",
        status.evicted_bytes);
    add(families, counter, "weir_mount_journal_entries_total", "Changes told by the journal",
        status.journal.entries);
    add(families, counter, "weir_mount_requests_total", "Requests sent to the endpoint",
        status.client.requests);
    add(families, counter, "weir_mount_retries_total", "Requests that were repeats",
        status.client.retries);
    add(families, counter, "weir_mount_received_bytes_total", "Bytes of bodies received",
        status.client.bytes_in);
    add(families, counter, "weir_mount_sent_bytes_total", "Bytes of bodies sent",
        status.client.bytes_out);
    return families;
}

void add_gauges(Families& families, const MountStatus& status) {
    constexpr auto gauge = prometheus::MetricType::Gauge;
    add(families, gauge, "weir_mount_nodes", "Paths that are remembered", status.nodes);
    add(families, gauge, "weir_mount_open_files", "Open files", status.open_files);
    add(families, gauge, "weir_mount_hidden_keys", "Keys that no path can be", status.hidden_keys);
    add(families, gauge, "weir_mount_waiting_files", "Files that wait to be fetched",
        status.waiting_files);
    add(families, gauge, "weir_mount_fetching_files", "Files that are being fetched",
        status.fetching.size());
    add(families, gauge, "weir_mount_writing_files", "Files that the store does not have yet",
        status.writing.size());
    add(families, gauge, "weir_mount_failed_writes", "Writes that failed", status.problems.size());
    add(families, gauge, "weir_mount_abandoned_writes", "Writes of mounts that died",
        status.abandoned_writes);
    add(families, gauge, "weir_mount_cache_bytes", "Bytes that the cache takes",
        status.cache_bytes);
    add(families, gauge, "weir_mount_cache_bound_bytes", "Bytes that the cache may take",
        status.cache_bytes_max);
    add(families, gauge, "weir_mount_resident_bytes", "Resident memory", status.memory_bytes);
    add(families, gauge, "weir_mount_connections", "Open connections",
        status.client.connections_open);
    add(families, gauge, "weir_mount_journal_followed", "1 while changes elsewhere are told",
        status.journal.state == FollowState::following ? 1 : 0);
}

}  // namespace

KeptFile kept_file(const cache::AbandonedWrite& write) {
    KeptFile file{.id = write.id, .bytes = write.size_bytes};
    if (!write.info) {
        file.problem = write.info.error().describe();
        return file;
    }
    file.endpoint = write.info->endpoint;
    file.bucket = write.info->bucket;
    file.key = write.info->key;
    file.created_at = write.info->created_at;
    if (const Result<DraftDescription> description = read_description(*write.info); !description)
        file.problem = description.error().describe();
    else
        file.problem = description->problem.empty() ? "its mount died" : description->problem;
    return file;
}

nlohmann::json to_json(const MountStatus& status) {
    return {
        {"pid", ::getpid()},
        {"folder", status.folder},
        {"source", status.source},
        {"endpoint", status.endpoint},
        {"cache_folder", status.cache_folder},
        {"read_only", status.read_only},
        {"passthrough", status.passthrough},
        {"since_unix_s", status.since / nanos_per_second},
        {"journal",
         {{"state", name_of(status.journal.state)},
          {"entries", status.journal.entries},
          {"streams", status.journal.streams},
          {"sequence", status.journal.sequence},
          {"problem", status.journal.problem}}},
        {"requests",
         {{"sent", status.client.requests},
          {"retries", status.client.retries},
          {"connections", status.client.connections_open},
          {"received_bytes", status.client.bytes_in},
          {"sent_bytes", status.client.bytes_out}}},
        {"names",
         {{"nodes", status.nodes},
          {"known_to_kernel", status.nodes_of_kernel},
          {"open_files", status.open_files},
          {"hidden_keys", status.hidden_keys}}},
        {"reads",
         {{"hit_bytes", status.hit_bytes},
          {"missed_bytes", status.missed_bytes},
          {"passthrough_opens", status.passthrough_opens},
          {"fetched_ahead_bytes", status.fetched_ahead_bytes},
          {"fetch_failures", status.fetch_failures},
          {"waiting_files", status.waiting_files},
          {"fetching", list_of(status.fetching)}}},
        {"writes",
         {{"writing", list_of(status.writing)},
          {"problems", list_of(status.problems)},
          {"abandoned", status.abandoned_writes},
          {"kept", list_of(status.kept)}}},
        {"budgets",
         {{"cache_bytes", status.cache_bytes},
          {"cache_bytes_max", status.cache_bytes_max},
          {"evicted_bytes", status.evicted_bytes},
          {"memory_bytes", status.memory_bytes},
          {"memory_bytes_max", status.memory_bytes_max}}},
    };
}

std::string to_metrics(const MountStatus& status) {
    Families families = counters_of(status);
    add_gauges(families, status);
    return prometheus::TextSerializer().Serialize(families);
}

std::string status_folder() {
    if (::geteuid() == 0) return "/run/weir";
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    if (runtime != nullptr && *runtime == '/') return std::string(runtime) + "/weir";
    return fmt::format("/tmp/weir-{}", ::geteuid());
}

std::string status_socket(const std::string& status_folder, const std::string& mount_folder) {
    const std::uint64_t crc = hash::crc64nvme(0, std::as_bytes(std::span(mount_folder)));
    return fmt::format("{}/mount-{:016x}.sock", status_folder, crc);
}

}  // namespace weir::mount
