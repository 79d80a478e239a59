#pragma once
// A running mount, wired from its parts. For `weir mount` and for tests.
//
// Owned by whoever runs it, with all that is passed in outliving it. start() has failed or mounted
// when it returns: no error comes later than the prompt. Failure: invalid_argument (an option),
// no_such_bucket, access_denied, ... each with a sentence that says what to do.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "cache/cache.h"
#include "client/s3_client.h"
#include "mount/attributes.h"
#include "mount/status.h"

namespace weir::mount {

struct MountOptions {
    std::string source = {};  // as it was given, and mount(8) shows it
    std::string bucket = {};
    std::string prefix = {};              // "" or "a/b", with or without "/" at its end
    std::optional<UnixNanos> as_of = {};  // read-only, as it was then
    std::string folder = {};              // absolute; is there
    bool read_only = false;
    bool allow_other = false;
    bool no_exec = false;
    bool passthrough = true;       // where it is possible
    bool store_files = true;       // are read in place, where the store is on this machine
    bool listed_metadata = false;  // no HEAD for what a listing does not tell
    bool async_close = false;      // close() returns when the bytes are safe locally
    bool recover = false;          // first what mounts that ended had not brought to the store
    AttributeDefaults defaults = {};
    std::chrono::milliseconds ttl = std::chrono::seconds(5);  // where there is no journal
    std::vector<std::string> prefetch = {};                   // patterns of paths
};

class Mount {
  public:
    struct Environs {
        client::S3Client& client;
        cache::Cache& cache;
        const MountLimits& limits;
        const Clock& clock;
        Log& log;
        const net::Interrupt& ending;  // before it is mounted: start() fails with cancelled
    };
    static Result<std::unique_ptr<Mount>> start(MountOptions options, const Environs& environs);
    // Unmounts by force, if it is still mounted.
    ~Mount();
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;

    // Returns when it is unmounted and what was written is in the store: unavailable if some of it
    // is not, which is kept for the next mount's `recover` then.
    Result<void> wait();
    // On other threads: how many files are not, once wait() knows.
    std::size_t await_end() const;
    // From any thread, a signal's handler thread for one: finishes what is being written, within
    // MountLimits::drain_timeout_ms, then unmounts.
    void stop();

    const MountOptions& options() const;
    // What --recover did, before it began to serve: one sentence a file.
    const std::vector<std::string>& recovered() const;
    // What the mount itself knows of it; the rest is for who asks to fill in.
    MountStatus status() const;

  private:
    struct State;
    explicit Mount(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace weir::mount
