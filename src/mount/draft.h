#pragma once
// A file that is being written, from its first write until the store has it: the version that it
// began from (none for a new file), what was written since (DraftBytes), and the upload of its
// parts, which goes on while it is written.
//
// commit() makes it an object, on the condition that the store still has the version it began from;
// it fails with stale if somebody else replaced that. What fails leaves the bytes where they are:
// the next commit() tries again, and keep_for_recovery() leaves them for another process.
//
// Shared by all who have the file open; everything that it stands on outlives it. Safe from any
// thread. commit(), truncate() and discard() keep writers waiting; readers never wait for them.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/cache.h"
#include "client/s3_client.h"
#include "client/transfer.h"
#include "io/blocking_pool.h"
#include "mount/attributes.h"
#include "mount/draft_bytes.h"
#include "mount/gate.h"
#include "mount/node.h"
#include "mount/part_plan.h"
#include "mount/part_uploader.h"

namespace weir::mount {

// What all drafts of a mount stand on.
struct DraftGround {
    client::S3Client& client;
    client::Transfers& transfers;
    cache::Cache& cache;
    io::BlockingPool& pool;  // sends parts
    const DraftLimits& limits;
    const Clock& clock;
    Log& log;
    std::string bucket;
    // Reads a version of a key, for bytes that were not written.
    std::function<ReadBase(const std::string& key, const ObjectVersion& version)> reader;
};

// What becomes of a file's object besides its bytes.
struct DraftMetadata {
    Attributes attributes = {};
    client::ObjectHeaders headers = {};  // what is not in the attributes
    bool mtime_given = false;            // by utimens(2), not by writing
    // False: the object has headers that nobody looked at yet, and that are to stay.
    bool headers_known = true;
};

// What a Draft begins from.
struct DraftStart {
    std::string key = {};
    std::optional<ObjectVersion> base = {};  // nullopt: the store has no such object
    // The object is one that open(2) with O_EXCL just made, so that nobody else does.
    bool placeholder = false;
    DraftMetadata metadata = {};
};

class Draft {
  public:
    // Nothing happens in the store or on the disk. What the ground refers to outlives it.
    Draft(const DraftGround& ground, DraftStart start);
    // What a process left behind (draft_description.h), with all bytes that it had written.
    static Result<std::unique_ptr<Draft>> adopt(const DraftGround& ground,
                                                std::unique_ptr<cache::WriteFile> file);
    // An upload that did not become the object is taken from the store.
    ~Draft();
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    std::string key() const EXCLUDES(mutex_);
    std::uint64_t size_bytes() const EXCLUDES(mutex_);
    // With the time of the last write.
    Attributes attributes() const EXCLUDES(mutex_);
    // The version of the store that it stands on; nullopt before the first commit of a new file.
    std::optional<ObjectVersion> version() const EXCLUDES(mutex_);
    // The ETag of what the store has under its name, as far as is known here: of that version, or
    // of what it replaces when it is committed; empty if there is nothing.
    std::string stored_etag() const EXCLUDES(mutex_);
    bool discarded() const EXCLUDES(mutex_);
    // Is there anything that the store does not have?
    bool changed() const EXCLUDES(mutex_);

    Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) EXCLUDES(mutex_);
    Result<void> write(std::uint64_t offset, std::span<const std::byte> bytes) EXCLUDES(mutex_);
    // No byte of the range but zeros, as far as the file reaches.
    Result<void> zero(Span span) EXCLUDES(mutex_);
    Result<void> truncate(std::uint64_t size_bytes) EXCLUDES(mutex_);
    void change_metadata(const std::function<void(DraftMetadata&)>& change) EXCLUDES(mutex_);

    // The store has all of it, as it is now, when it returns.
    Result<ObjectVersion> commit(const client::Call& call = {}) EXCLUDES(mutex_);
    // Returns when none is under way.
    void await_commit() { const Gate::Pass pass(writing_); }

    // It gets another name. `move` renames its object in the store and returns that, as it is then;
    // it is not called where the store has none, or one that is no more than a name: then commit()
    // makes the object under the new name, and `drop` removes what the old name has in the store:
    // that name (its version), or what it was to replace. `replaces`: the ETag of what has the new
    // name in the store and gives way to it; empty: nothing may be there. `moved`: all that the old
    // name has in the store has the new one already, as that of a folder; `move` tells its version.
    struct Rename {
        std::string key = {};
        std::string replaces = {};
        bool moved = false;
        std::function<Result<ObjectVersion>(const ObjectVersion&)> move = {};
        std::function<Result<void>(const std::optional<ObjectVersion>&)> drop = {};
    };
    Result<void> rename(const Rename& rename) EXCLUDES(mutex_);
    // It is removed: `erase` takes its object, if it has one, from the store. From then on it is
    // never committed, and those who have it open read and write what is here; what was not read
    // of its object yet may fail with stale.
    Result<void> discard(const std::function<Result<void>(bool in_store)>& erase) EXCLUDES(mutex_);

    // Nobody writes any more and all is committed: the file becomes the entry of its object, so
    // that it need not be fetched. Nothing where it does not hold every byte.
    Result<void> keep() EXCLUDES(mutex_);
    // The bytes are in the cache's file, with what another process needs to commit them.
    Result<void> describe() EXCLUDES(mutex_);
    // And outlast a power cut. `problem`: why the store does not have it, for whoever looks.
    Result<void> keep_for_recovery(std::string_view problem) EXCLUDES(mutex_);
    // It does not stand on its version any more, which somebody else replaced: all bytes that are
    // not here are brought here, and it is a new file by that key.
    Result<void> detach(std::string key) EXCLUDES(mutex_);
    // What the cache calls the file; empty if there is none.
    std::string recovery_id() const EXCLUDES(mutex_);

    // For tests and status.
    std::uint64_t parts_sent() const EXCLUDES(mutex_);
    std::uint64_t bytes_sent() const EXCLUDES(mutex_);

  private:
    struct State {
        std::string key;
        std::optional<ObjectVersion> base;  // in the store, under `key`
        std::string replaces = {};          // the ETag of what has that key, and gives way
        bool placeholder = false;
        DraftMetadata metadata;
        bool metadata_changed = false;
        bool discarded = false;
        bool described = false;                       // as it is
        std::string moving_to = {};                   // while its object is renamed
        bool removing = false;                        // while discard() goes on
        std::string problem = {};                     // of its last commit, where it is kept
        std::optional<std::uint64_t> crc64nvme = {};  // of the last commit

        std::string stored_etag() const { return base ? base->etag : replaces; }
    };

    State state() const EXCLUDES(mutex_);
    std::shared_ptr<DraftBytes> bytes() const EXCLUDES(mutex_);
    // Made if it is missing.
    Result<std::shared_ptr<DraftBytes>> bytes_to_write() EXCLUDES(mutex_);
    Result<std::shared_ptr<DraftBytes>> make_bytes() REQUIRES(mutex_);
    Result<void> describe(DraftBytes& bytes) EXCLUDES(mutex_);
    // What a crash leaves meanwhile tells both names.
    Result<ObjectVersion> move(const Rename& rename, const ObjectVersion& base) EXCLUDES(mutex_);
    static Result<void> drop(const Rename& rename, const State& before);
    // What a crash leaves meanwhile is not wanted any more if the store has removed it.
    void set_removing(bool removing) EXCLUDES(mutex_);
    // The store has all, or nobody wants it: a crash leaves nothing to recover.
    void set_expendable(DraftBytes& bytes) REQUIRES(mutex_);
    Result<void> write_some(std::uint64_t offset, std::span<const std::byte> bytes);
    void note_write(DraftBytes& bytes, Span span) EXCLUDES(mutex_);
    // Where a part is whole, and not the only one.
    void begin_upload(const DraftBytes& bytes) REQUIRES(mutex_);
    void make_uploader() REQUIRES(mutex_);
    void drop_upload() EXCLUDES(mutex_);

    // draft_commit.cc. The gate is shut, but for the headers.
    Result<void> look_at_headers(const client::Call& call) EXCLUDES(mutex_);
    Result<client::ObjectHeaders> headers_of_upload(const client::Call& call) EXCLUDES(mutex_);
    Result<ObjectVersion> commit_changes(const client::Call& call);
    Result<ObjectVersion> commit_metadata(const State& state, const client::Call& call);
    Result<ObjectVersion> commit_at_once(const State& state, const client::Call& call);
    Result<ObjectVersion> commit_parts(const State& state, const client::Call& call);
    // nullopt: the name that the parts were sent under is somebody else's now.
    Result<std::optional<PartUploader::Completed>> complete(PartUploader& uploader,
                                                            const std::vector<Piece>& pieces,
                                                            const State& state,
                                                            const client::Call& call);
    void stand_on_completed() EXCLUDES(mutex_);
    std::vector<Piece> pieces(const State& state, const DraftBytes& bytes) const;
    void committed(const State& state, const ObjectVersion& version,
                   std::optional<std::uint64_t> crc64nvme) EXCLUDES(mutex_);

    const DraftGround ground_;  // its own: parts are sent until it ends
    const PartPlan plan_;
    Gate writing_;  // shut while the bytes must stand still
    Gate reading_;  // shut while the file goes
    mutable Mutex mutex_;
    State state_ GUARDED_BY(mutex_);
    std::shared_ptr<DraftBytes> bytes_ GUARDED_BY(mutex_);  // null: all are the base's
    std::shared_ptr<PartUploader> uploader_ GUARDED_BY(mutex_);
    std::uint64_t parts_sent_ GUARDED_BY(mutex_) = 0;  // by uploaders that are gone
};

}  // namespace weir::mount
