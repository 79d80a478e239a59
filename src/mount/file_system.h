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
#include <unordered_set>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/cache.h"
#include "mount/attributes_ahead.h"
#include "mount/content.h"
#include "mount/drafts.h"
#include "mount/fetcher.h"
#include "mount/freshness.h"
#include "mount/kernel.h"
#include "mount/listing.h"
#include "mount/object_move.h"
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
    bool no_flush = false;  // close(2) has nothing to tell
};

// Who makes something.
struct Owner {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

// Everything that the verbs stand on.
struct Ground {
    const Store& store;
    const MountLimits& limits;
    const AttributeDefaults& defaults;
    const Freshness& freshness;
    Tree& tree;
    Listing& listing;
    AttributesAhead& attributes_ahead;
    Contents& contents;
    Fetcher& fetcher;
    Drafts& drafts;
    client::Transfers& transfers;
    cache::Cache& cache;
    Kernel& kernel;
    const Clock& clock;
    Log& log;
    bool read_only = false;
};

class FileSystem {
  public:
    explicit FileSystem(const Ground& ground);

    // Names. lookup() counts for the kernel; nullopt with `believe`: there is none, remember that.
    struct Looked {
        std::optional<Answered> found = {};
        std::chrono::milliseconds believe = {};
    };
    Result<Looked> lookup(NodeId folder, std::string_view name, const client::Call& call);
    void forget(NodeId node, std::uint64_t count);
    Result<Answered> getattr(NodeId node, const client::Call& call);
    Result<std::string> readlink(NodeId node, const client::Call& call);

    // Names of a folder after that place (NodeInfo::place()) in order, "." and ".." not among them:
    // about `names`, or what is known by then; none only at the end. With `plus` each that is taken
    // is counted as looked up.
    enum class Taken : std::uint8_t { taken, skipped, no_room };
    using TakeName = std::function<Taken(const Answered&)>;
    Result<void> readdir(NodeId folder, std::string_view after, bool plus, std::size_t names,
                         const TakeName& take, const client::Call& call, FolderReading& reading);

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

    // What makes, changes and removes: read_only where the mount is. Each is in the store when it
    // returns, unless it says otherwise. A name that is made is counted as looked up, where it is
    // answered.
    struct Created {
        Answered file = {};
        Opened opened = {};
    };
    // With O_EXCL the store has an empty object when it returns (with async_close: later); else the
    // first flush() makes it.
    Result<Created> create(NodeId folder, std::string_view name, mode_t mode, int flags,
                           const Owner& owner, const client::Call& call);
    // An empty file.
    Result<Answered> mknod(NodeId folder, std::string_view name, mode_t mode, const Owner& owner,
                           const client::Call& call);
    Result<Answered> mkdir(NodeId folder, std::string_view name, mode_t mode, const Owner& owner,
                           const client::Call& call);
    Result<Answered> symlink(NodeId folder, std::string_view name, std::string_view target,
                             const Owner& owner, const client::Call& call);
    Result<void> unlink(NodeId folder, std::string_view name, const client::Call& call);
    Result<void> rmdir(NodeId folder, std::string_view name, const client::Call& call);
    // `flags` are those of renameat2(2). A file that is being written is renamed by its commit, if
    // the store has none of it yet.
    Result<void> rename(NodeId folder, std::string_view name, NodeId to_folder,
                        std::string_view to_name, unsigned flags, const client::Call& call);

    // Files that are open for writing: the store has what is written after flush() or fsync().
    Result<void> write(FileHandle handle, std::uint64_t offset, std::span<const std::byte> bytes);
    Result<void> flush(FileHandle handle, const client::Call& call);
    Result<void> fsync(FileHandle handle, const client::Call& call);
    Result<void> fallocate(FileHandle handle, int mode, std::uint64_t offset, std::uint64_t bytes);

    // Of an open file that is written, its commit brings what is changed here.
    struct Change {
        std::optional<std::uint16_t> permissions = {};
        std::optional<std::uint32_t> uid = {};
        std::optional<std::uint32_t> gid = {};
        std::optional<UnixNanos> mtime = {};
        std::optional<std::uint64_t> bytes = {};
    };
    Result<Answered> setattr(NodeId node, const Change& change, const client::Call& call);
    // `flags` are those of setxattr(2).
    Result<void> setxattr(NodeId node, std::string_view name, std::string_view value, int flags,
                          const client::Call& call);
    Result<void> removexattr(NodeId node, std::string_view name, const client::Call& call);

    UnixNanos now() const { return ground_.clock.now(); }
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

    // write_verbs.cc
    // Once its attributes are known.
    Result<std::shared_ptr<Draft>> open_draft(NodeId id, const client::Call& call,
                                              Drafts::Use use = Drafts::Use::writes);
    // To write it, or to read what is being written.
    Result<Opened> open_draft_of(const NodeInfo& node, int flags, bool writes,
                                 const client::Call& call);
    Result<Opened> add_written(const NodeInfo& node, int flags, const std::shared_ptr<Draft>& draft,
                               bool commits);
    Opened count_cached(NodeId node) EXCLUDES(modes_mutex_);
    // Nobody has read it since it was made here, until settled().
    void note_unread(NodeId node) EXCLUDES(modes_mutex_);
    // The kernel's pages of it, if it has some.
    void forget_pages(NodeId node) EXCLUDES(modes_mutex_);
    // stale where the kernel reads the file by itself: then its name is another node from now on,
    // which the kernel finds when it looks again, and the bytes that are read stay.
    Result<void> leave_to_passthrough(const NodeInfo& node, const client::Call& call)
        EXCLUDES(modes_mutex_);
    Result<void> await_no_draft(NodeId node, const client::Call& call);
    bool read_by_kernel(NodeId node) EXCLUDES(modes_mutex_);
    void settled(NodeId node, bool committed);
    Result<std::size_t> read_once(FileHandle handle, std::uint64_t offset, std::span<std::byte> out,
                                  const client::Call& call);
    void renew_content(NodeId node);

    // create_verbs.cc, remove_verbs.cc
    Result<void> check_writable() const;
    // The key of a name that is to be made; already_exists.
    Result<std::string> new_key(NodeId folder, std::string_view name, bool of_folder,
                                const client::Call& call);
    Result<Attributes> new_attributes(NodeId folder, Kind kind, mode_t mode, const Owner& owner,
                                      const client::Call& call);
    Result<Answered> made(NodeId folder, Child child);
    Result<ObjectVersion> put_new(const std::string& key, const Attributes& attributes,
                                  std::string_view body, const client::Call& call);
    // The folder is one of its own, also when its last name goes.
    Result<void> keep_folder(NodeId folder, const client::Call& call);
    Result<void> put_marker(const NodeInfo& folder, const Attributes& attributes,
                            const client::Call& call);
    // Before its object goes: what those who have it open need of it.
    void save_for_readers(const NodeInfo& node, const client::Call& call);

    // rename_verb.cc
    struct Renaming;
    Result<void> rename_file(Renaming& renaming, const client::Call& call);
    MoveGround move_ground() const;
    Result<void> rename_written(const Renaming& renaming, Draft& draft, const client::Call& call);
    Result<ObjectVersion> move_object(const Renaming& renaming, const ObjectVersion& version,
                                      const client::Call& call);
    Result<void> rename_folder(const Renaming& renaming, const client::Call& call);
    // Files that were made or committed beneath its old name while it moved.
    void note_version(NodeId node, const ObjectVersion& version);
    Result<void> rename_latecomers(const Renaming& folder, const client::Call& call);
    void rename_latecomer(const Renaming& renaming);
    void follow(Draft& draft, const std::string& key, const ObjectVersion& version);
    std::string replaced_etag(const Renaming& renaming,
                              const std::shared_ptr<Draft>& replaced) const;
    Result<void> move_folder(const Renaming& renaming, const client::Call& call);

    // change_verbs.cc
    Result<void> change_attributes(NodeId node, const std::function<void(DraftMetadata&)>& change,
                                   std::optional<std::uint64_t> bytes, const client::Call& call);

    const Ground ground_;
    OpenFiles open_files_;
    std::atomic<std::uint64_t> hit_bytes_ = 0, missed_bytes_ = 0, passthrough_opens_ = 0;
    Mutex modes_mutex_;
    std::unordered_map<NodeId, KernelMode> modes_ GUARDED_BY(modes_mutex_);
    // Drafts of which the kernel has no page: a notification less for each.
    std::unordered_set<NodeId> unread_ GUARDED_BY(modes_mutex_);
};

}  // namespace weir::mount
