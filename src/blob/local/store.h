#pragma once
// Blobs as files, one each, on any POSIX file system: <root>/<writer>/<sequence >> 12>/<blob id>.
// docs/FORMAT.md.
//
// Durable means: fdatasync of the file and fsync of its directory, both shared with whoever asks at
// the same time. Removing syncs nothing: the garbage row goes by a synced write to the same
// journaling file system (the database lies beside the blobs), which makes the removal durable
// before it; on a file system that does not, a name may come back after a power cut, and fsck
// removes it.

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/log.h"
#include "base/mutex.h"
#include "blob/store.h"
#include "io/disk.h"
#include "io/group_sync.h"

namespace weir::blob::local {

struct Options {
    std::string root;
    std::uint32_t writer = 0;
    // What writing leaves free (no_space), so that deleting still works.
    std::uint64_t reserve_bytes = 0;
    std::size_t open_max = 1024;           // blobs that are kept open for readers; at most half of
    std::size_t descriptors_max = 65'536;  // those that are open at all: more is slow_down
};

class Store final : public blob::Store {
  public:
    // Makes the root if it is missing; removes folders of earlier starts that are empty by now.
    static Result<std::unique_ptr<Store>> open(const Options& options, io::Disk& disk, Log& log);

    Result<std::unique_ptr<Writer>> create(const CreateHint& hint) override;
    Result<std::shared_ptr<const Reader>> open(BlobId id) override;
    std::shared_ptr<const Reader> try_open(BlobId id) override;
    Result<void> remove(BlobId id) override;
    Result<void> punch(BlobId id, std::uint64_t offset, std::uint64_t length) override;
    Result<void> trim(BlobId id) override;
    Result<void> list(BlobId from, const std::function<bool(const BlobInfo&)>& visit) override;
    std::uint64_t next_sequence() const override { return next_sequence_.load(); }
    Result<Space> space() const override;
    Result<void> room_for(std::uint64_t bytes) override;

    std::size_t open_count() const;
    std::size_t descriptors() const { return descriptors_->load(); }
    std::size_t descriptors_max() const { return options_.descriptors_max; }

  private:
    struct IdHash {
        std::size_t operator()(const BlobId& id) const;
    };
    using Opened = std::list<std::pair<BlobId, std::shared_ptr<const Reader>>>;

    Store(const Options& options, io::Disk& disk, Log& log)
        : options_(options), disk_(disk), log_(log) {}

    // A new id, and the syncs of the directory that it lies in, which is made and durable.
    struct Place {
        BlobId id;
        std::shared_ptr<io::GroupSync> directory_sync;
    };
    Result<Place> next_place();
    Result<void> remove_empty_directories();
    Result<std::shared_ptr<io::GroupSync>> make_directory(const std::string& path,
                                                          const std::string& parent);
    Result<void> enter_directory(BlobId id) REQUIRES(directory_mutex_);
    std::shared_ptr<const Reader> find_open(BlobId id) REQUIRES(open_mutex_);
    Result<bool> list_directory(const std::string& path, BlobId from,
                                const std::function<bool(const BlobInfo&)>& visit);

    const Options options_;
    io::Disk& disk_;
    Log& log_;
    std::atomic<std::uint64_t> next_sequence_ = 0;

    Mutex directory_mutex_;
    bool writer_directory_made_ GUARDED_BY(directory_mutex_) = false;
    std::string directory_ GUARDED_BY(directory_mutex_);  // the newest
    std::shared_ptr<io::GroupSync> directory_sync_ GUARDED_BY(directory_mutex_);

    Mutex space_mutex_;
    std::uint64_t free_bytes_ GUARDED_BY(space_mutex_) = 0;
    std::int64_t space_checked_ms_ GUARDED_BY(space_mutex_) = -1'000'000;

    // Shared with what is open, which may outlive the store.
    const std::shared_ptr<std::atomic<std::size_t>> descriptors_ =
        std::make_shared<std::atomic<std::size_t>>(0);
    mutable Mutex open_mutex_;
    Opened opened_ GUARDED_BY(open_mutex_);  // most recently used first
    std::unordered_map<BlobId, Opened::iterator, IdHash> by_id_ GUARDED_BY(open_mutex_);
    std::uint64_t removals_ GUARDED_BY(open_mutex_) = 0;
};

// Where the blob's file lies under `root`.
std::string blob_path(const std::string& root, BlobId id);

}  // namespace weir::blob::local
