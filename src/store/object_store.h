#pragma once
// Weir's product as plain functions: buckets, objects, versions, multipart uploads, listings.
// Protocols (s3/server) turn requests into these calls; engines (kv, blob) hold what they change.
// Start here after docs/ARCHITECTURE.md.
//
// Owned by main(). Safe from any thread. Every method may block on a disk, except those given
// Wait::no, which answer from memory or with Code::would_block. None waits for a client: a body is
// begun, written and finished by whoever receives it, and then committed here. What a method
// acknowledged is durable; what it refused left nothing behind but space that the reclaimer gets
// back. Errors are S3's where S3 has one.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "meta/listing.h"
#include "meta/records.pb.h"
#include "store/body_writer.h"
#include "store/context.h"
#include "store/damage.h"
#include "store/in_flight.h"
#include "store/shared_blobs.h"
#include "store/transaction.h"

namespace weir::store {

struct Bucket {
    std::string name;
    std::string owner;
    kv::PartitionId partition;
    UnixNanos created = 0;
    std::string location;
};

// Judges the current object (nullptr: none) before a change; an error refuses it. May be called
// several times.
using Precondition = std::function<Result<void>(const meta::ObjectRecord* current)>;

struct Found {
    meta::ObjectRecord record;  // may be a delete marker
    bool latest = false;
};

// The bytes of an object, or of a range of it, in order.
struct Body {
    struct Piece {
        std::shared_ptr<const blob::Reader> reader;
        std::uint64_t offset = 0;
        std::uint64_t length = 0;
        meta::Extent extent;  // the same, as the records say it
    };
    std::string bytes;          // an inline body
    std::vector<Piece> pieces;  // or where it lies
};

struct PutRequest {
    std::string key;
    meta::ObjectHeaders headers;
    std::string etag;
    std::vector<meta::Checksum> checksums;
    Precondition precondition;
};

struct RemoveRequest {
    std::string key;
    std::optional<meta::VersionName> version;
    Precondition
        precondition;  // judges the version that would go, or be covered by a delete marker
};

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

struct CopyRequest {
    const Bucket* source_bucket = nullptr;
    std::string source_key;
    std::optional<meta::VersionName> source_version;
    Precondition source_precondition;
    std::string key;
    std::optional<meta::ObjectHeaders> headers;  // nullopt: the source's
    // The checksum that the copy shall carry; nullopt: the source's. One that the source lacks is
    // computed by reading it.
    std::optional<hash::Algorithm> checksum_algorithm;
    Precondition precondition;
};

struct RenameRequest {
    std::string source_key;
    std::string key;
    Precondition source_precondition;
    Precondition precondition;
};

struct PrefixRenameRequest {
    std::string source_prefix;
    std::string prefix;
};

struct CopyResult {
    meta::ObjectRecord source;
    meta::ObjectRecord record;
};

struct UploadRequest {
    std::string key;
    meta::ObjectHeaders headers;
    std::string checksum_algorithm;
    meta::ChecksumType checksum_type = meta::CHECKSUM_TYPE_FULL_OBJECT;
    std::string owner;
};

struct PartId {
    std::string key;
    std::string upload_id;
    std::uint32_t part_number = 0;
};

struct PartCopyRequest {
    PartId part;
    const Bucket* source_bucket = nullptr;
    std::string source_key;
    std::optional<meta::VersionName> source_version;
    Precondition source_precondition;
    // Within the source; nullopt: all of it.
    std::function<Result<std::optional<ByteRange>>(std::uint64_t size)> range;
};

struct ListedPart {
    std::uint32_t part_number = 0;
    meta::PartRecord record;
};

struct CompleteRequest {
    struct Part {
        std::uint32_t part_number = 0;
        std::string etag;                       // without quotes
        std::vector<meta::Checksum> checksums;  // those that the client repeats
    };
    std::string key;
    std::string upload_id;
    std::vector<Part> parts;
    std::optional<std::uint64_t> size_bytes;  // x-amz-mp-object-size
    std::vector<meta::Checksum> checksums;    // of the whole object, as the client knows them
    std::optional<meta::ChecksumType> checksum_type;
    Precondition precondition;
};

struct ListedUpload {
    std::string key;
    std::string upload_id;
    meta::UploadRecord record;
};

struct UploadsQuery {
    std::string prefix;
    std::string delimiter;
    std::string key_marker;
    std::string upload_id_marker;
    std::size_t uploads_max = 1000;
};

struct UploadsListing {
    std::vector<ListedUpload> uploads;
    std::vector<std::string> common_prefixes;
    bool truncated = false;
    std::string next_key_marker;
    std::string next_upload_id_marker;
};

struct PartsListing {
    meta::UploadRecord upload;
    std::vector<ListedPart> parts;
    bool truncated = false;
};

class ObjectStore {
  public:
    explicit ObjectStore(Context context);

    const Context& context() const { return context_; }

    // --- buckets (buckets.cc)
    // bucket_already_owned_by_you, bucket_already_exists, too_many_buckets.
    Result<Bucket> create_bucket(const std::string& name, const std::string& owner,
                                 const std::string& location);
    Result<Bucket> find_bucket(const std::string& name, Wait wait = Wait::yes);
    // bucket_not_empty while any version of any object is there; open uploads are aborted.
    Result<void> delete_bucket(const std::string& name);
    // Whoever closed the bucket to look whether it is empty may have died since: deletes or opens
    // it. Harmless if not.
    Result<void> finish_deleting(const Bucket& bucket);
    // In the order of names, those after `after`; at most `count_max`.
    Result<std::vector<Bucket>> list_buckets(const std::string& owner, const std::string& prefix,
                                             const std::string& after, std::size_t count_max);
    // Buckets of every owner, for tools and background work.
    Result<void> each_bucket(const std::function<Result<void>(const Bucket&)>& visit);
    Result<meta::Versioning> versioning(const Bucket& bucket, Wait wait = Wait::yes);
    Result<void> set_versioning(const Bucket& bucket, meta::Versioning versioning);

    // --- reading (get.cc)
    // no_such_key or no_such_version; a delete marker is found like an object.
    Result<Found> find(const Bucket& bucket, const std::string& key,
                       const std::optional<meta::VersionName>& version, Wait wait = Wait::yes);
    // `record` as find() gave it. Code::conflict if it is gone: find again. Code::corrupt for what
    // is known to be damaged, and an inline body that is.
    Result<Body> open_body(const Bucket& bucket, const std::string& key,
                           const meta::ObjectRecord& record, std::uint64_t offset,
                           std::uint64_t length, Wait wait = Wait::yes);
    // Of an object with parts_count > 0.
    Result<meta::PartTable> part_table(const Bucket& bucket, const std::string& key,
                                       const meta::ObjectRecord& record);
    Result<meta::Listing> list(const Bucket& bucket, const meta::ListQuery& query);
    Result<meta::VersionsListing> list_versions(const Bucket& bucket,
                                                const meta::VersionsQuery& query);

    // --- writing (put.cc, remove.cc, copy.cc, rename.cc)
    BodyWriter begin_body(const Bucket& bucket, std::optional<std::uint64_t> size_bytes,
                          hash::AlgorithmSet algorithms);
    Result<meta::ObjectRecord> put(const Bucket& bucket, const PutRequest& request,
                                   StoredBody body);
    // The same for who may not wait, of a body that is all in memory: what must be read is, or it
    // is would_block; then the batch is committed. Code::conflict: put() will do.
    struct PreparedPut {
        meta::ObjectRecord record;
        kv::Batch batch;
        std::optional<kv::Row> proof;  // Transaction::prove_by()
    };
    Result<PreparedPut> prepare_put(const Bucket& bucket, const PutRequest& request,
                                    const StoredBody& body);
    void commit_put(const Bucket& bucket, PreparedPut& prepared,
                    std::function<void(Result<void>)> done);
    // Whether it was committed although commit_put() failed so. May wait.
    Result<bool> was_put(const Bucket& bucket, const PreparedPut& prepared, const Error& failure);
    Result<KeyChange::Removed> remove(const Bucket& bucket, const RemoveRequest& request);
    // One outcome for each request, in order; their commits share syncs. Keys may repeat.
    std::vector<Result<KeyChange::Removed>> remove_many(const Bucket& bucket,
                                                        const std::vector<RemoveRequest>& requests);
    Result<CopyResult> copy(const Bucket& bucket, const CopyRequest& request);
    Result<meta::ObjectRecord> rename(const Bucket& bucket, const RenameRequest& request);
    // All current keys that start with a prefix, in one commit; says how many. As rename(2) has it
    // for directories: no_such_key where there is none, rename_target_not_empty where there are
    // keys under the new prefix (but for an empty object that is called like it), invalid_request
    // for a prefix within itself. rename_too_large where one batch does not hold them. Where
    // versions are kept it shares each key's blobs before, with a commit for each.
    Result<std::size_t> rename_prefix(const Bucket& bucket, const PrefixRenameRequest& request);

    // --- multipart uploads (multipart.cc, complete.cc)
    Result<std::string> create_upload(const Bucket& bucket, const UploadRequest& request);
    Result<meta::UploadRecord> find_upload(const Bucket& bucket, const std::string& key,
                                           const std::string& upload_id);
    // The upload must exist. Takes a slot of the upload's shared blob where the part fits one.
    Result<BodyWriter> begin_part(const Bucket& bucket, const PartId& part,
                                  std::uint64_t size_bytes, hash::AlgorithmSet algorithms);
    Result<meta::PartRecord> put_part(const Bucket& bucket, const PartId& part,
                                      const std::string& etag,
                                      std::vector<meta::Checksum> checksums, StoredBody body,
                                      Fate* fate = nullptr);
    Result<meta::PartRecord> copy_part(const Bucket& bucket, const PartCopyRequest& request,
                                       meta::ObjectRecord* source);
    Result<PartsListing> list_parts(const Bucket& bucket, const std::string& key,
                                    const std::string& upload_id, std::uint32_t after,
                                    std::size_t parts_max);
    Result<UploadsListing> list_uploads(const Bucket& bucket, const UploadsQuery& query);
    Result<meta::ObjectRecord> complete_upload(const Bucket& bucket,
                                               const CompleteRequest& request);
    Result<void> abort_upload(const Bucket& bucket, const std::string& key,
                              const std::string& upload_id);

    // --- for the background (reclaimer.h, orphans.h) and tools
    InFlight& in_flight() { return in_flight_; }
    Damage& damage() { return damage_; }
    const Damage& damage() const { return damage_; }
    std::size_t shared_blobs_open() const { return shared_blobs_.size(); }
    // The upload is gone with its bucket.
    void forget_upload(const std::string& upload_id) {
        shared_blobs_.end(upload_id, {}, context_.log);
    }

  private:
    // A source whose blobs somebody else may use too now (copy.cc).
    struct Shared;
    class Sharing;
    class PrefixRename;
    struct Made;
    // Home partition -> blob, referrer.
    using References = std::map<std::uint64_t, std::set<std::pair<std::string, std::string>>>;
    using Cut = std::function<Result<std::optional<ByteRange>>(std::uint64_t size)>;

    Result<std::optional<Found>> look_up(const Bucket& bucket, const std::string& key,
                                         const std::optional<meta::VersionName>& version, Wait wait,
                                         kv::Batch& seen);
    Result<Bucket> finish_creating(const meta::BucketEntry& entry, const std::string& bytes);
    Result<bool> is_empty(kv::PartitionId partition);
    Result<Fence> close_bucket(const Bucket& bucket);
    Result<bool> delete_closed(const Bucket& bucket, const Fence& fence);
    Result<Fence> set_fence_state(kv::PartitionId partition, const Fence& expected,
                                  meta::BucketState state);
    Result<void> drop_from_directory(const std::string& name, const Bucket& bucket);
    void tell_followers_of_end(kv::PartitionId partition);

    Result<Shared> share_source(const Bucket& bucket, const std::string& key,
                                const std::optional<meta::VersionName>& version,
                                const Precondition& precondition, const Cut& cut);
    void release(const References& references);
    static Made made_of(const Shared& shared);
    static void put_body(Transaction& transaction, const std::string& key, const Made& made,
                         const Shared& shared);
    Result<meta::PartRecord> put_copied_part(const Bucket& bucket, const PartId& part,
                                             const Shared& shared, bool refers, Fate& fate);
    Result<void> add_checksum(hash::Algorithm algorithm, const Shared& shared,
                              meta::ObjectRecord& record);
    Result<void> read_extents(const std::vector<meta::Extent>& extents,
                              const std::function<Result<void>(std::span<const std::byte>)>& read);
    Result<StoredBody> digest_extents(const std::vector<meta::Extent>& extents,
                                      hash::AlgorithmSet algorithms);
    Result<void> rename_moving(const Bucket& bucket, const RenameRequest& request,
                               meta::ObjectRecord* record);
    Result<void> rename_sharing(const Bucket& bucket, const RenameRequest& request,
                                meta::ObjectRecord* record);

    // The upload closed to changes by a token of ours; its row's bytes are what the next commit is
    // conditioned on.
    struct Fenced {
        meta::UploadRecord upload;
        std::string bytes;
    };
    Result<Fenced> fence_upload(const Bucket& bucket, const std::string& key,
                                const std::string& upload_id);
    // False if somebody else holds the fence by now.
    bool reopen_upload(const Bucket& bucket, const std::string& key, const std::string& upload_id,
                       const Fenced& fenced);
    Result<std::vector<ListedPart>> read_parts(const Bucket& bucket, const std::string& upload_id,
                                               std::uint32_t after, std::size_t parts_max);
    Result<meta::ObjectRecord> complete_fenced(const Bucket& bucket, const CompleteRequest& request,
                                               const Fenced& fenced, Fate& fate);
    Result<std::optional<meta::ObjectRecord>> completed_before(const Bucket& bucket,
                                                               const std::string& key,
                                                               const std::string& upload_id);

    Context context_;
    Damage damage_;
    InFlight in_flight_;
    SharedBlobs shared_blobs_;
};

// The extents of `record` (from its part table if they lie there) that cover [offset, offset +
// length), cut to it.
std::vector<meta::Extent> cut_extents(
    const google::protobuf::RepeatedPtrField<meta::Extent>& extents, std::uint64_t offset,
    std::uint64_t length);

// Shows `length` bytes of a blob, some at a time.
using ReadBytes = std::function<Result<void>(std::span<const std::byte> bytes)>;
Result<void> read_range(const blob::Reader& reader, std::uint64_t offset, std::uint64_t length,
                        const ReadBytes& read);

// Puts a body's extents into the record and, where they are too many, into the table.
void place_extents(std::vector<meta::Extent> extents, meta::ObjectRecord& record,
                   meta::PartTable& table);

}  // namespace weir::store
