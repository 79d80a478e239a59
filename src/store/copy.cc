// Copying, and what renaming (rename.cc) needs of it. No byte moves: the destination refers to the
// source's blobs. To share a blob, reference rows (`b`) for both users are put in the blob's home
// and the source's record says from then on that it is shared, all conditioned on the source as
// read; only then does the destination refer to it. So the blob outlives whichever user goes first,
// and a crash between the steps leaves a reference without a user, which fsck mends.

#include <map>
#include <set>

#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"
#include "store/sharing.h"
#include "store/verify.h"

namespace weir::store {
namespace {

constexpr std::size_t referrer_bytes = 12;
constexpr std::string_view reference_value = "1";

// Home partition -> blob, referrer.
using References = std::map<std::uint64_t, std::set<std::pair<std::string, std::string>>>;
using Extents = google::protobuf::RepeatedPtrField<meta::Extent>;

void add_reference(References& references, const meta::Extent& extent) {
    references[extent.home()].emplace(extent.blob(), extent.referrer());
}

void put_references(const References::mapped_type& references, kv::Batch& batch) {
    for (const auto& [blob, referrer] : references)
        batch.put(meta::reference_row(blob, referrer), std::string(reference_value));
}

}  // namespace

// One way of sharing a source, tried again when somebody changed it meanwhile.
class ObjectStore::Sharing {
  public:
    Sharing(ObjectStore& store, const Bucket& bucket, const std::string& key,
            const std::optional<meta::VersionName>& version, const Precondition& precondition,
            const Cut& cut)
        : store_(store),
          bucket_(bucket),
          key_(key),
          version_(version),
          precondition_(precondition),
          cut_(cut) {}

    Result<Shared> run() {
        constexpr int attempts_max = 100;
        for (int attempt = 0;; ++attempt) {
            Fate fate = Fate::not_committed;
            auto build = [this](Transaction& transaction) { return this->build(transaction); };
            Result<void> done = transact(store_.context_, bucket_.partition, build, &fate);
            if (!done && done.error().code() == Code::conflict && attempt < attempts_max) continue;
            release_unused(done.has_value() || fate == Fate::unknown);
            if (!done) return fail(std::move(done).error());
            return std::move(shared_);
        }
    }

  private:
    Result<void> build(Transaction& transaction) {
        shared_ = Shared();
        table_.Clear();
        TRY_VOID(read_source());
        TRY_VOID(read_body(transaction));
        const bool in_table = found_.record.body() == meta::BODY_TABLE;
        auto& extents = in_table ? *table_.mutable_extents() : *found_.record.mutable_extents();
        if (!extents.empty()) {
            TRY_VOID(refer(transaction, extents));
        }
        shared_.record = std::move(found_.record);
        return {};
    }

    Result<void> read_source() {
        TRY(found_, store_.find(bucket_, key_, version_));
        if (found_.record.delete_marker())
            return fail(version_ ? Code::invalid_request : Code::no_such_key);
        if (precondition_) TRY_VOID(precondition_(&found_.record));
        shared_.length = found_.record.size_bytes();
        if (!cut_) return {};
        TRY(const auto range, cut_(found_.record.size_bytes()));
        if (!range) return {};
        shared_.offset = range->offset;
        shared_.length = range->length;
        return {};
    }

    Result<void> read_body(Transaction& transaction) {
        const bool is_inline = found_.record.body() == meta::BODY_INLINE;
        if (!is_inline && found_.record.parts_count() == 0) return {};
        TRY(const std::optional<std::string> bytes, transaction.get(body_row()));
        if (!bytes) return fail(Code::conflict, "the source went while it was copied");
        if (is_inline) shared_.inline_bytes = *bytes;
        if (found_.record.parts_count() == 0) return {};
        TRY(table_, meta::decode<meta::PartTable>(*bytes));
        shared_.parts.assign(table_.parts().begin(), table_.parts().end());
        return {};
    }

    // The source says that it shares its blobs; both users have references to them.
    Result<void> refer(Transaction& transaction, Extents& extents) {
        const std::string row = found_.latest ? meta::current_row(key_)
                                              : meta::version_row(key_, found_.record.version());
        TRY(std::optional<std::string> as_read, transaction.get(row));
        if (as_read != meta::encode(found_.record))
            return fail(Code::conflict, "the source changed while it was copied");
        References references;
        bool source_changes = false;
        for (meta::Extent& extent : extents) {
            if (!extent.referrer().empty()) continue;
            extent.set_referrer(source_referrer_);
            add_reference(references, extent);
            source_changes = true;
        }
        shared_.extents = cut_extents(extents, shared_.offset, shared_.length);
        for (meta::Extent& extent : shared_.extents) {
            extent.set_referrer(new_referrer_);
            add_reference(references, extent);
            add_reference(shared_.references, extent);
        }
        transaction.batch().require(row, std::move(as_read));
        if (source_changes) {
            found_.record.set_revision(found_.record.revision() + 1);
            transaction.batch().put(row, meta::encode(found_.record));
            if (found_.record.body() == meta::BODY_TABLE)
                transaction.batch().put(body_row(), meta::encode(table_));
        }
        for (const auto& [home, users] : references) TRY_VOID(put(transaction, home, users));
        return {};
    }

    // With the commit where the home is the source's partition, else before it.
    Result<void> put(Transaction& transaction, std::uint64_t home,
                     const References::mapped_type& users) {
        if (home == bucket_.partition.value()) {
            put_references(users, transaction.batch());
            const auto& [blob, referrer] = *users.begin();  // a name that nobody else drew
            transaction.prove_by(
                {meta::reference_row(blob, referrer), std::string(reference_value)});
            return {};
        }
        kv::Batch batch;
        put_references(users, batch);
        put_elsewhere_[home].insert(users.begin(), users.end());
        const Result<kv::Committed> done =
            kv::commit_and_wait(store_.context_.kv, kv::PartitionId(home), std::move(batch));
        if (done) return {};
        // The home of a blob outlives every user, so the source went.
        if (done.error().code() == Code::not_found)
            return fail(Code::conflict, "the source went while it was copied");
        return fail(done.error());
    }

    // An earlier attempt may have seen another source.
    void release_unused(bool shared_is_used) {
        for (auto& [home, users] : put_elsewhere_) {
            if (!shared_is_used) continue;
            for (const auto& user : shared_.references[home]) users.erase(user);
        }
        store_.release(put_elsewhere_);
    }

    std::string body_row() const { return meta::body_row(key_, found_.record.version()); }

    ObjectStore& store_;
    const Bucket& bucket_;
    const std::string& key_;
    const std::optional<meta::VersionName>& version_;
    const Precondition& precondition_;
    const Cut& cut_;
    const std::string source_referrer_ = random_bytes(referrer_bytes);
    const std::string new_referrer_ = random_bytes(referrer_bytes);
    Found found_;
    meta::PartTable table_;
    Shared shared_;
    References put_elsewhere_;  // in homes other than the source's partition
};

ObjectStore::Made ObjectStore::made_of(const Shared& shared) {
    Made made{.record = shared.record, .table = {}};
    made.record.clear_upload_id();
    made.record.set_revision(0);
    for (const meta::Part& part : shared.parts) *made.table.add_parts() = part;
    if (!shared.extents.empty()) place_extents(shared.extents, made.record, made.table);
    return made;
}

void ObjectStore::put_body(Transaction& transaction, const std::string& key, const Made& made,
                           const Shared& shared) {
    const std::string row = meta::body_row(key, made.record.version());
    if (made.record.body() == meta::BODY_INLINE) transaction.batch().put(row, shared.inline_bytes);
    if (made.record.parts_count() > 0) transaction.batch().put(row, meta::encode(made.table));
}

Result<ObjectStore::Shared> ObjectStore::share_source(
    const Bucket& bucket, const std::string& key, const std::optional<meta::VersionName>& version,
    const Precondition& precondition, const Cut& cut) {
    return Sharing(*this, bucket, key, version, precondition, cut).run();
}

// The new users did not come to be. Their references go by way of the reclaimer, since the source
// may have gone meanwhile, and left the blob to them. Only for blobs whose source is known to be
// marked as shared: the reclaimer takes a blob without references for garbage.
void ObjectStore::release(const References& references) {
    for (const auto& [home, users] : references) {
        if (users.empty()) continue;
        meta::Garbage garbage;
        for (const auto& [blob, referrer] : users) {
            meta::Extent& extent = *garbage.add_blobs();
            extent.set_blob(blob);
            extent.set_referrer(referrer);
            extent.set_home(home);
        }
        kv::Batch batch;
        batch.put(meta::garbage_row(context_.clock.now(), random_u64()), meta::encode(garbage));
        Result<kv::Committed> done =
            kv::commit_and_wait(context_.kv, kv::PartitionId(home), std::move(batch));
        // No home: the references are gone with all others.
        if (!done && done.error().code() != Code::not_found)
            context_.log.warn("a reference was left behind for fsck: {}", done.error().describe());
    }
}

Result<CopyResult> ObjectStore::copy(const Bucket& bucket, const CopyRequest& request) {
    TRY(const Shared shared,
        share_source(*request.source_bucket, request.source_key, request.source_version,
                     request.source_precondition, nullptr));
    Made made = made_of(shared);
    meta::ObjectRecord& record = made.record;
    if (request.headers) *record.mutable_headers() = *request.headers;
    if (request.checksum_algorithm) {
        if (Result<void> summed = add_checksum(*request.checksum_algorithm, shared, record);
            !summed) {
            release(shared.references);
            return fail(std::move(summed).error());
        }
    }

    Fate fate = Fate::not_committed;
    Result<void> committed = transact(
        context_, bucket.partition,
        [&](Transaction& transaction) -> Result<void> {
            TRY(KeyChange change, KeyChange::read(transaction, request.key));
            if (request.precondition) TRY_VOID(request.precondition(change.object()));
            TRY_VOID(change.put(record, meta::JOURNAL_COPY));
            put_body(transaction, request.key, made, shared);
            return {};
        },
        &fate);
    if (fate == Fate::not_committed) release(shared.references);
    if (!committed) return fail(std::move(committed).error());
    return CopyResult{.source = shared.record, .record = std::move(record)};
}

Result<meta::PartRecord> ObjectStore::copy_part(const Bucket& bucket,
                                                const PartCopyRequest& request,
                                                meta::ObjectRecord* source) {
    TRY_VOID(find_upload(bucket, request.part.key, request.part.upload_id));
    TRY(const Shared shared,
        share_source(*request.source_bucket, request.source_key, request.source_version,
                     request.source_precondition, request.range));
    *source = shared.record;
    // In many pieces the bytes are copied, so that objects made of such parts do not fall apart
    // ever more.
    const bool refers = shared.extents.size() <= context_.limits.extents_per_part_max;
    Fate fate = Fate::not_committed;
    Result<meta::PartRecord> done = put_copied_part(bucket, request.part, shared, refers, fate);
    // An engine that cannot say may have committed: then the reference stays, for fsck to judge.
    if (!refers || fate == Fate::not_committed) release(shared.references);
    return done;
}

// The part's ETag is the MD5 of its bytes. Where the source's own ETag is just that, nothing is
// read.
Result<meta::PartRecord> ObjectStore::put_copied_part(const Bucket& bucket, const PartId& part,
                                                      const Shared& shared, bool refers,
                                                      Fate& fate) {
    TRY(const meta::UploadRecord upload, find_upload(bucket, part.key, part.upload_id));
    const std::optional<hash::Algorithm> named =
        hash::algorithm_by_name(upload.checksum_algorithm());
    hash::AlgorithmSet algorithms{hash::Algorithm::md5};
    if (named) algorithms.insert(*named);
    StoredBody body;
    std::string etag;
    const bool whole = shared.length == shared.record.size_bytes();
    if (!shared.inline_bytes.empty()) {
        TRY(BodyWriter writer, begin_part(bucket, part, shared.length, algorithms));
        TRY_VOID(writer.write(
            as_bytes(std::string_view(shared.inline_bytes).substr(shared.offset, shared.length))));
        TRY(body, writer.finish());
    } else if (!refers) {
        TRY(BodyWriter writer, begin_part(bucket, part, shared.length, algorithms));
        TRY_VOID(read_extents(
            shared.extents, [&](std::span<const std::byte> bytes) { return writer.write(bytes); }));
        TRY(body, writer.finish());
    } else if (whole && !named && shared.record.parts_count() == 0) {
        body.size_bytes = shared.length;
        body.crc64nvme = shared.record.crc64nvme();
        body.extents = shared.extents;
        etag = shared.record.etag();
    } else {
        TRY(body, digest_extents(shared.extents, algorithms));
    }
    std::vector<meta::Checksum> checksums;
    if (named) {
        meta::Checksum& checksum = checksums.emplace_back();
        checksum.set_algorithm(std::string(hash::info(*named).name));
        checksum.set_value(*body.digests[*named]);
    }
    if (etag.empty()) etag = hex_encode(*body.digests[hash::Algorithm::md5]);
    return put_part(bucket, part, etag, std::move(checksums), std::move(body), &fate);
}

// A copy that shall carry a checksum which its source lacks: the shared blobs are read for it.
Result<void> ObjectStore::add_checksum(hash::Algorithm algorithm, const Shared& shared,
                                       meta::ObjectRecord& record) {
    const std::string_view name = hash::info(algorithm).name;
    for (const meta::Checksum& checksum : record.checksums())
        if (checksum.algorithm() == name &&
            record.checksum_type() == meta::CHECKSUM_TYPE_FULL_OBJECT)
            return {};
    std::string value;
    if (shared.extents.empty()) {
        value = hash::digest(algorithm, as_bytes(shared.inline_bytes));
    } else {
        TRY(const StoredBody body, digest_extents(shared.extents, {algorithm}));
        value = *body.digests[algorithm];
    }
    record.clear_checksums();
    meta::Checksum& checksum = *record.add_checksums();
    checksum.set_algorithm(std::string(name));
    checksum.set_value(std::move(value));
    record.set_checksum_type(meta::CHECKSUM_TYPE_FULL_OBJECT);
    return {};
}

Result<void> ObjectStore::read_extents(const std::vector<meta::Extent>& extents,
                                       const ReadBytes& read) {
    for (const meta::Extent& extent : extents) {
        const std::optional<blob::BlobId> id = blob::BlobId::decode(extent.blob());
        if (!id) return fail(Code::corrupt, "an extent names no blob");
        if (damage_.contains(extent.blob()))
            return fail(Code::corrupt, fmt::format("blob {} is damaged", id->text()));
        TRY(const std::shared_ptr<const blob::Reader> reader, context_.blobs.open(*id));
        // New checksums must not be made of bytes that the old ones would refuse.
        RangeVerifier verifier(context_.kv, damage_, extent, reader);
        std::uint64_t at = extent.offset();
        TRY_VOID(read_range(*reader, extent.offset(), extent.length(),
                            [&](std::span<const std::byte> bytes) -> Result<void> {
                                TRY_VOID(verifier.verify(at, bytes.size()));
                                at += bytes.size();
                                return read(bytes);
                            }));
    }
    return {};
}

Result<StoredBody> ObjectStore::digest_extents(const std::vector<meta::Extent>& extents,
                                               hash::AlgorithmSet algorithms) {
    StoredBody body;
    body.extents = extents;
    algorithms.insert(hash::Algorithm::crc64nvme);
    hash::Digester digester(algorithms);
    TRY_VOID(read_extents(extents, [&](std::span<const std::byte> bytes) -> Result<void> {
        digester.update(bytes);
        body.size_bytes += bytes.size();
        return {};
    }));
    body.digests = digester.finish();
    body.crc64nvme = read_be64(*body.digests[hash::Algorithm::crc64nvme]);
    return body;
}

}  // namespace weir::store
