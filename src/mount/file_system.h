#pragma once
// A bucket as a file system: what the kernel asks, as methods that return what it is answered. It
// knows nothing of FUSE's wire format; session.h turns requests into calls and results into
// replies.
//
// Owned by Mount; every method is safe from any thread and may wait for the store, until `call`'s
// interrupt. Failure: an Error whose errno (errno.h) is what the caller of the system call sees.

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/cache.h"
#include "mount/content.h"
#include "mount/fetcher.h"
#include "mount/freshness.h"
#include "mount/kernel.h"
#include "mount/listing.h"
#include "mount/open_file.h"
#include "mount/store.h"
#include "mount/tree.h"

namespace weir::mount {

// What the kernel is told of a node.
struct Answered {
    NodeInfo node = {};
    struct stat attributes = {};
    std::chrono::milliseconds believe = {};  // attributes, and the name
};

// How the kernel is to treat an open file.
struct Opened {
    FileHandle handle = 0;
    BackingId backing = 0;  // passthrough, where not 0
    bool direct_io = false;
    bool keep_cache = false;
    bool parallel_direct_writes = false;
};

// Everything that the verbs stand on.
struct Ground {
    const Store& store;
    const MountLimits& limits;
    const AttributeDefaults& defaults;
    const Freshness& freshness;
    Tree& tree;
    Listing& listing;
    Contents& contents;
    Fetcher& fetcher;
    cache::Cache& cache;
    Kernel& kernel;
    const Clock& clock;
    Log& log;
    bool read_only = false;
};

class FileSystem {
  public:
    explicit FileSystem(const Ground& ground)
        : ground_(ground), open_files_(ground.limits.open_files_max) {}

    // Names. lookup() counts for the kernel; nullopt with `believe`: there is none, remember that.
    struct Looked {
        std::optional<Answered> found = {};
        std::chrono::milliseconds believe = {};
    };
    Result<Looked> lookup(NodeId folder, std::string_view name, const client::Call& call);
    void forget(NodeId node, std::uint64_t count);
    Result<Answered> getattr(NodeId node, const client::Call& call);
    Result<std::string> readlink(NodeId node, const client::Call& call);

    // Names of a folder after `after` in order, "." and ".." not among them. With `plus` each is
    // counted as looked up once `take` has taken it; `take` returns false when it has no room for
    // this one any more.
    using TakeName = std::function<bool(const Answered&)>;
    Result<void> readdir(NodeId folder, std::string_view after, bool plus, const TakeName& take,
                         const client::Call& call);

    // Files. `flags` are those of open(2).
    Result<Opened> open(NodeId node, int flags, const client::Call& call);
    Result<std::size_t> read(FileHandle handle, std::uint64_t offset, std::span<std::byte> out,
                             const client::Call& call);
    // SEEK_DATA and SEEK_HOLE: an object has no holes.
    Result<std::uint64_t> lseek(FileHandle handle, std::uint64_t offset, int whence);
    Result<void> release(FileHandle handle);

    // "user.*" only; no_attribute, not_supported.
    Result<std::string> getxattr(NodeId node, std::string_view name, const client::Call& call);
    // Names, each ended by a zero byte.
    Result<std::string> listxattr(NodeId node, const client::Call& call);

    struct statvfs statfs() const;

    struct Counts {
        std::uint64_t open_files = 0;
        std::uint64_t hit_bytes = 0;  // that were in the cache when they were read here
        std::uint64_t missed_bytes = 0;
        std::uint64_t passthrough_opens = 0;
    };
    Counts counts() const;

  private:
    // Size and times of a draft are those that count.
    struct stat stat_of(const NodeInfo& node) const;
    Answered answered(NodeInfo node, Freshness::Stamp stamp) const;
    struct Fresh {
        NodeInfo node;
        Freshness::Stamp stamp;
    };
    Result<Fresh> fresh(NodeId node, const client::Call& call);

    Result<Opened> open_to_read(const NodeInfo& node, int flags, const client::Call& call);
    // Counts an open of the node that reads, as the kernel is to treat it (KernelMode).
    Opened count_open(NodeId node, const Content& content) EXCLUDES(modes_mutex_);
    void count_release(NodeId node, OpenMode mode) EXCLUDES(modes_mutex_);

    const Ground ground_;
    OpenFiles open_files_;
    std::atomic<std::uint64_t> hit_bytes_ = 0, missed_bytes_ = 0, passthrough_opens_ = 0;
    Mutex modes_mutex_;
    std::unordered_map<NodeId, KernelMode> modes_ GUARDED_BY(modes_mutex_);
};

}  // namespace weir::mount
