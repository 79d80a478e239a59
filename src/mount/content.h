#pragma once
// The bytes of one version of an object, for whoever has it open: what the cache holds, and what is
// missing fetched when it is read. Pinned to the version: if the object is changed by others, it is
// read by its version id where there is one, else what was not fetched yet fails with stale.
//
// Shared by its readers; safe from any thread. A small file is fetched whole, and in memory until
// the cache has it. Where the cache has no room, bytes are fetched for the reader alone; where the
// store keeps them in a file on this machine, that is read.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/cache.h"
#include "mount/node.h"
#include "mount/small_files.h"
#include "mount/store.h"
#include "mount/tree.h"

namespace weir::mount {

class Content {
  public:
    // Where its bytes are, and go: in one of these, or in none.
    struct Place {
        std::shared_ptr<cache::Entry> entry = {};
        std::shared_ptr<SmallFile> small = {};
        SmallFiles* smalls = nullptr;  // it is one of
    };

    // `key` is the object's when it was opened; a rename elsewhere does not change it.
    Content(const Store& store, std::string key, ObjectVersion version, Place place);
    ~Content();
    Content(const Content&) = delete;
    Content& operator=(const Content&) = delete;

    std::string key() const EXCLUDES(mutex_);
    const ObjectVersion& version() const { return version_; }
    std::uint64_t bytes() const { return version_.bytes; }
    // Null where the cache could not make one, and of what is in memory.
    const std::shared_ptr<cache::Entry>& entry() const { return place_.entry; }
    // What is fetched of it is kept.
    bool keeps() const { return place_.entry || place_.small; }
    bool complete() const {
        return blob_.load() >= 0 || (place_.small && place_.small->present()) ||
               (place_.entry && place_.entry->complete() && !place_.entry->dropped());
    }
    // A file with all of it, open as long as this is; for what is complete() and has an entry.
    Result<int> descriptor() const;
    // Asks the store, once, whether it keeps the object in a file that can be read here.
    void look_for_blob(const client::Call& call) EXCLUDES(mutex_);
    // Of the range, as far as the file goes.
    bool present(std::uint64_t offset, std::uint64_t length) const {
        if (blob_.load() >= 0) return true;
        if (place_.small) return place_.small->present();
        return place_.entry && offset < bytes() &&
               place_.entry->present({offset, std::min(length, bytes() - offset)});
    }
    // The cache found that it is not what the store says; whoever opens it again gets it anew.
    bool dropped() const { return place_.entry && place_.entry->dropped(); }

    // As pread(2): fewer than asked for only at the end.
    Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out,
                             const client::Call& call);
    // Until all of it is in the cache, however long that takes.
    Result<void> fetch_all(const client::Call& call);

    // Fetches the missing blocks of the range that nobody else fetches; how many bytes came. For
    // whoever reads and for Fetcher's threads.
    Result<std::uint64_t> fetch(cache::ByteRange range, const client::Call& call);
    // What the store says that the checksum of the whole is, for the cache to compare.
    Result<void> learn_checksum(cache::Cache& cache, const client::Call& call);
    // Once the object was renamed by this mount: it is asked for by that key.
    void set_key(std::string key) EXCLUDES(mutex_);

  private:
    Result<void> read_cached(std::uint64_t offset, std::span<std::byte> out,
                             const client::Call& call);
    Result<void> read_through(std::uint64_t offset, std::span<std::byte> out,
                              const client::Call& call);
    // Fetched now, or before: how many bytes came.
    Result<std::uint64_t> fetch_small(const client::Call& call);
    // One GET of what is missing, as asked anew for each; by version id once the object is another.
    using Ask = std::function<Result<client::GetObjectReply>(client::GetObjectRequest request)>;
    Result<client::GetObjectReply> get(const Ask& ask, const client::Call& call);
    Result<void> get(const std::function<cache::ByteRange()>& missing,
                     const client::PieceSink& sink, const client::Call& call);
    // HEAD, once: the checksum of the whole, if the store has it; and its file, if that may be read
    // here.
    Result<void> look(const client::Call& call) EXCLUDES(mutex_);
    static Result<void> read_blob(int blob, std::uint64_t offset, std::span<std::byte> out);
    Result<bool> find_version(const std::string& asked_id, const client::Call& call)
        EXCLUDES(mutex_);
    // Of all of it.
    client::GetObjectRequest request() const EXCLUDES(mutex_);

    const Store& store_;
    const ObjectVersion version_;
    const Place place_;
    mutable Mutex mutex_;
    std::string key_ GUARDED_BY(mutex_);
    std::string version_id_ GUARDED_BY(mutex_);  // empty: the current one, if it still is that
    bool looked_ GUARDED_BY(mutex_) = false;
    std::optional<std::uint64_t> crc64nvme_ GUARDED_BY(mutex_) = {};  // that the store told then
    std::atomic<int> blob_ = -1;                                      // set once
};

// The Content of each node that somebody has open or fetches; each once.
class Contents {
  public:
    Contents(const Store& store, Tree& tree, cache::Cache& cache, SmallFiles& smalls, Log& log)
        : store_(store), tree_(tree), cache_(cache), smalls_(smalls), log_(log) {}

    // The node's object as the tree knows it.
    Result<std::shared_ptr<Content>> of(const NodeInfo& node) EXCLUDES(mutex_);
    // Of a version whoever has it now, read when somebody reads; `ending` cuts that short.
    std::function<Result<void>(std::uint64_t offset, std::span<std::byte> out)> reader(
        const std::string& key, const ObjectVersion& version, const net::Interrupt* ending);
    // The folder with the first key has the second one now, and all that is in it.
    void moved(const std::string& from, const std::string& to) EXCLUDES(mutex_);
    // That, if somebody holds it.
    std::shared_ptr<Content> held(NodeId node) const EXCLUDES(mutex_);

  private:
    std::shared_ptr<Content> make(const std::string& key, const ObjectVersion& version) const;
    Content::Place place(const cache::ObjectIdentity& identity) const;
    using Given = std::vector<std::shared_ptr<Content>>;
    // What is held no longer for it is given up by the caller, without the lock.
    Given keep(const std::shared_ptr<Content>& content) REQUIRES(mutex_);

    const Store& store_;
    Tree& tree_;
    cache::Cache& cache_;
    SmallFiles& smalls_;
    Log& log_;
    mutable Mutex mutex_;
    // The last small ones: what was fetched ahead is about to be opened, and what was opened is
    // often opened again.
    std::deque<std::shared_ptr<Content>> recent_ GUARDED_BY(mutex_);
    std::uint64_t recent_bytes_ GUARDED_BY(mutex_) = 0;
    std::unordered_map<NodeId, std::weak_ptr<Content>> held_ GUARDED_BY(mutex_);
    std::size_t sweep_at_ GUARDED_BY(mutex_) = 1024;  // those that nobody holds go then
};

}  // namespace weir::mount
