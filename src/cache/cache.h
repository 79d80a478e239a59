#pragma once
// A cache of remote bytes in a folder of the local disk, shared by all processes that open it: what
// one has fetched, the others have. Bounded by bytes, evicted by last use, right after any crash.
//
//     TRY(auto cache, cache::Cache::open({.path = "...", .cache_bytes = 100 * GiB}, clock, log));
//     TRY(auto entry, cache->entry(identity, crc64nvme));
//     while (TRY(auto claim, entry->claim(range)); claim)     // fetch and fill what is missing
//         ... claim->fill(bytes) ...
//     TRY_VOID(entry->wait(range, deadline));                 // what others fetch
//     TRY_VOID(entry->read(offset, bytes));
//
// Durability: nothing is synced while it is filled. When an entry of several blocks is complete a
// thread of the cache's own syncs it; until then, and with one block, it outlasts the end of any
// process, and after a power cut it is compared block by block before it is used. What is written
// (WriteFile) is durable when sync() returns.
//
// Opened after the last fork(2): a child would share its locks.
//
// Owned by main(), outlives its entries and written files; safe from any thread. When the disk or
// the budget is full calls fail with no_space and leave nothing behind: serve without the cache.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/budget.h"
#include "cache/claim.h"
#include "cache/entry.h"
#include "cache/opener.h"
#include "cache/syncer.h"
#include "cache/write_file.h"

namespace weir::cache {

struct CacheOptions {
    std::string path;
    // Of all processes together: each must be given the same, or the least counts.
    std::uint64_t cache_bytes = 0;
    std::uint64_t block_bytes = cache_block_bytes;  // of entries that are made
    // Of this boot of the machine; tests bring others.
    std::optional<BootId> boot_id = std::nullopt;
};

// ~/.cache/weir, or what XDG_CACHE_HOME says; for root /var/cache/weir. invalid_argument if there
// is no home.
Result<std::string> default_cache_path();

class Cache {
  public:
    struct Usage {
        std::uint64_t used_bytes = 0;
        std::uint64_t bytes_max = 0;
        Budget::Evicted evicted;  // by this process
        // Complete entries that this process holds until they are synced.
        std::size_t entries_to_sync = 0;
    };

    // access_denied if the folder is another user's or open to others. Whatever lies in the folder
    // that is none of ours is left alone; what is called like ours and is damaged goes. Waits for
    // another process that is counting the folder.
    static Result<std::unique_ptr<Cache>> open(const CacheOptions& options, const Clock& clock,
                                               Log& log);
    ~Cache();
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;

    // Opened, or made. `crc64nvme` is what the store says of the whole, if it says so: an entry
    // that has it is verified when it is complete.
    Result<std::shared_ptr<Entry>> entry(const ObjectIdentity& identity,
                                         std::optional<std::uint64_t> crc64nvme = std::nullopt)
        EXCLUDES(mutex_);

    // There is one of that name (entry_id()), which nobody looked into.
    bool has(const std::string& id) const;

    Result<std::unique_ptr<WriteFile>> create_write(WriteInfo info);
    // What processes that ended left behind, and one of it.
    Result<std::vector<AbandonedWrite>> abandoned_writes() const;
    Result<std::unique_ptr<WriteFile>> adopt_write(const std::string& id);
    // The written file was uploaded and is now that object: its bytes are read once and become the
    // entry, without a copy. corrupt if they are not what the store says: the file stays then, and
    // can be found. With any other failure it is gone, as the store has it.
    Result<std::shared_ptr<Entry>> keep(std::unique_ptr<WriteFile> file,
                                        const ObjectIdentity& identity,
                                        std::optional<std::uint64_t> crc64nvme = std::nullopt);

    Usage usage() const;

  private:
    struct Parts;

    Cache(std::unique_ptr<Parts> parts, const Clock& clock, Log& log);
    std::shared_ptr<Entry> open_already(const std::string& id) EXCLUDES(mutex_);
    // Of two that were opened at once, the first.
    std::shared_ptr<Entry> remember(const std::string& id, std::shared_ptr<Entry> entry)
        EXCLUDES(mutex_);

    Result<void> make_entry(WriteFile& file, const ObjectIdentity& identity,
                            std::optional<std::uint64_t> crc64nvme);

    std::unique_ptr<Parts> parts_;
    Log* log_;
    EntryGround ground_;
    Opener opener_;
    Mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<Entry>> open_ GUARDED_BY(mutex_);
    std::size_t forget_at_ GUARDED_BY(mutex_);  // entries that are closed are forgotten then
    Syncer syncer_;                             // the last: it holds entries
};

}  // namespace weir::cache
