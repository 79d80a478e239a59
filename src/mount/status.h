#pragma once
// What a mount does just now, for whoever asks: a value, its JSON and its metrics; and the socket
// at which `weir mount status` and Prometheus ask for them.
//
// The value and its texts are plain. A StatusServer is owned by whoever runs the mount and answers
// on threads of its own, at a unix socket that only its owner and root may open: GET /status is
// JSON, GET /metrics Prometheus' text. Failure: io_error where the socket cannot be made.

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cache/write_files.h"
#include "client/s3_client.h"
#include "mount/follower.h"

namespace httplib {
class Server;
}

namespace weir::mount {

struct FileProgress {
    std::string path = {};  // in the mount
    std::uint64_t done_bytes = 0;
    std::uint64_t bytes = 0;
};

struct FileProblem {
    std::string path = {};
    std::string problem = {};
};

// What a mount could not write, in the cache until it is recovered.
struct KeptFile {
    std::string id = {};  // of weir mount --kept
    std::string endpoint = {};
    std::string bucket = {};
    std::string key = {};
    std::uint64_t bytes = 0;
    UnixNanos created_at = 0;
    std::string problem = {};
};
KeptFile kept_file(const cache::AbandonedWrite& write);

struct MountStatus {
    std::string folder = {};
    std::string source = {};  // BUCKET[:PREFIX][@TIME]
    std::string endpoint = {};
    std::string cache_folder = {};
    bool read_only = false;
    bool passthrough = false;
    UnixNanos since = 0;
    FollowStatus journal = {};
    client::ClientStats client = {};

    std::uint64_t nodes = 0;
    std::uint64_t nodes_of_kernel = 0;
    std::uint64_t open_files = 0;
    std::uint64_t hidden_keys = 0;  // that no path can be

    // Bytes that the kernel asked us for: were they in the cache? What it reads by passthrough, or
    // has in its own cache, never comes here.
    std::uint64_t hit_bytes = 0;
    std::uint64_t missed_bytes = 0;
    std::uint64_t passthrough_opens = 0;
    std::uint64_t fetched_ahead_bytes = 0;
    std::uint64_t fetch_failures = 0;
    std::uint64_t waiting_files = 0;  // to be fetched
    std::vector<FileProgress> fetching = {};

    std::uint64_t cache_bytes = 0;
    std::uint64_t cache_bytes_max = 0;
    std::uint64_t evicted_bytes = 0;
    std::uint64_t memory_bytes = 0;  // resident, of this process
    std::uint64_t memory_bytes_max = 0;

    std::vector<FileProgress> writing = {};  // that the store does not have yet
    std::vector<FileProblem> problems = {};  // writes that failed, and what was kept of them
    std::uint64_t abandoned_writes = 0;      // that nobody writes any more: weir mount --recover
    std::vector<KeptFile> kept = {};         // some of those
};

nlohmann::json to_json(const MountStatus& status);
std::string to_metrics(const MountStatus& status);

// Where the sockets of this user's mounts are: $XDG_RUNTIME_DIR/weir, for root /run/weir, else
// /tmp/weir-UID.
std::string status_folder();
// Of the mount at that folder (an absolute path without links).
std::string status_socket(const std::string& status_folder, const std::string& mount_folder);

class StatusServer {
  public:
    using Ask = std::function<MountStatus()>;
    // Returns when the mount has ended: how many files are not in the store.
    using AwaitEnd = std::function<std::size_t()>;

    // `owner_uid`: who may ask besides root. The folder of the socket is made if it is missing.
    static Result<std::unique_ptr<StatusServer>> start(std::string socket, std::uint32_t owner_uid,
                                                       Ask ask, AwaitEnd await_end);
    // Whoever awaits the end is answered first, so it must be near.
    ~StatusServer();
    StatusServer(const StatusServer&) = delete;
    StatusServer& operator=(const StatusServer&) = delete;

  private:
    explicit StatusServer(std::string socket);

    const std::string socket_;
    std::uint64_t inode_ = 0;  // of the socket
    std::unique_ptr<httplib::Server> server_;
    std::thread thread_;  // the last
};

}  // namespace weir::mount
