// Multipart uploads up to their end. A part is acknowledged when its bytes and its row `p` are
// durable; its commit is conditioned on the upload's row `u`, so that no part arrives in an upload
// that is being completed or is gone.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/random.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"

namespace weir::store {
namespace {

// A Complete that takes longer has died, and the upload is open again to whoever asks. A time that
// far ahead was another clock's, or this one jumped back; who still works finds the upload taken.
constexpr UnixNanos completing_max_nanos = 60 * nanos_per_second;

bool is_completing(const meta::UploadRecord& upload, UnixNanos now) {
    const UnixNanos since = upload.completing_since_nanos();
    return upload.state() == meta::UPLOAD_COMPLETING &&
           std::max(since, now) - std::min(since, now) < completing_max_nanos;
}

struct UploadRow {
    std::string row;
    std::string bytes;
    meta::UploadRecord record;
};

Result<UploadRow> read_upload(Transaction& transaction, const std::string& key,
                              const std::string& upload_id) {
    UploadRow upload{.row = meta::upload_row(key, upload_id), .bytes = {}, .record = {}};
    TRY(std::optional<std::string> bytes, transaction.get(upload.row));
    if (!bytes) return fail(Code::no_such_upload);
    TRY(upload.record, meta::decode<meta::UploadRecord>(*bytes));
    upload.bytes = *std::move(bytes);
    return upload;
}

// What a part that goes leaves behind.
void discard_part(Transaction& transaction, const meta::PartRecord& part, const auto& still_used) {
    for (const meta::Extent& extent : part.extents()) {
        if (extent.slot() && still_used(extent.blob())) {
            transaction.discard_range(extent);
        } else {
            transaction.discard_blob(extent);
        }
    }
}

}  // namespace

Result<std::string> ObjectStore::create_upload(const Bucket& bucket, const UploadRequest& request) {
    std::string id_bytes;
    append_be64(id_bytes, context_.clock.now());
    const std::string upload_id = hex_encode(id_bytes + random_bytes(8));
    meta::UploadRecord record;
    record.set_initiated_nanos(context_.clock.now());
    *record.mutable_headers() = request.headers;
    record.set_checksum_algorithm(request.checksum_algorithm);
    record.set_checksum_type(request.checksum_type);
    record.set_owner(request.owner);
    TRY_VOID(transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
        kv::Row row{meta::upload_row(request.key, upload_id), meta::encode(record)};
        transaction.batch().require(row.key, std::nullopt);
        transaction.prove_by(row);
        transaction.batch().put(std::move(row.key), std::move(row.value));
        return {};
    }));
    return upload_id;
}

Result<meta::UploadRecord> ObjectStore::find_upload(const Bucket& bucket, const std::string& key,
                                                    const std::string& upload_id) {
    TRY(const std::optional<std::string> bytes,
        or_no_bucket(context_.kv.get(bucket.partition, meta::upload_row(key, upload_id))));
    if (!bytes) return fail(Code::no_such_upload);
    return meta::decode<meta::UploadRecord>(*bytes);
}

Result<BodyWriter> ObjectStore::begin_part(const Bucket& bucket, const PartId& part,
                                           std::uint64_t size_bytes,
                                           hash::AlgorithmSet algorithms) {
    TRY_VOID(find_upload(bucket, part.key, part.upload_id));
    TRY(std::optional<Slot> slot,
        shared_blobs_.take(part.upload_id, part.part_number, size_bytes, context_.blobs));
    if (slot && slot->begins_upload) {
        // Whoever ended the upload meanwhile may have done so before we made a blob for it.
        if (Result<meta::UploadRecord> open = find_upload(bucket, part.key, part.upload_id);
            !open) {
            slot.reset();
            shared_blobs_.end(part.upload_id, {}, context_.log);
            return fail(std::move(open).error());
        }
    }
    return BodyWriter(context_, in_flight_,
                      {.home = bucket.partition,
                       .size_bytes = size_bytes,
                       .algorithms = algorithms,
                       .slot = std::move(slot),
                       .may_be_inline = false});
}

Result<meta::PartRecord> ObjectStore::put_part(const Bucket& bucket, const PartId& part,
                                               const std::string& etag,
                                               std::vector<meta::Checksum> checksums,
                                               StoredBody body, Fate* told) {
    meta::PartRecord record;
    record.set_size_bytes(body.size_bytes);
    record.set_etag(etag);
    record.set_crc64nvme(body.crc64nvme);
    for (meta::Checksum& checksum : checksums) *record.add_checksums() = std::move(checksum);
    for (const meta::Extent& extent : body.extents) *record.add_extents() = extent;
    const std::string row = meta::part_row(part.upload_id, part.part_number);
    for (const meta::Extent& extent : body.extents)
        if (extent.slot()) shared_blobs_.commits(part.upload_id, extent.blob());
    Fate fate = Fate::not_committed;
    Result<void> committed = transact(
        context_, bucket.partition,
        [&](Transaction& transaction) -> Result<void> {
            TRY(UploadRow upload, read_upload(transaction, part.key, part.upload_id));
            transaction.batch().require(upload.row, upload.bytes);
            if (is_completing(upload.record, transaction.now()))
                return fail(Code::operation_aborted, "The upload is being completed.");
            if (upload.record.state() == meta::UPLOAD_COMPLETING) {
                upload.record.set_state(meta::UPLOAD_OPEN);
                transaction.batch().put(upload.row, meta::encode(upload.record));
            }
            TRY(std::optional<std::string> replaced, transaction.get(row));
            if (replaced) {
                TRY(const meta::PartRecord old, meta::decode<meta::PartRecord>(*replaced));
                discard_part(transaction, old, [](const std::string&) { return true; });
            }
            transaction.batch().require(row, std::move(replaced));
            record.set_last_modified_nanos(transaction.now());
            transaction.prove_by({row, meta::encode(record)});
            transaction.batch().put(row, meta::encode(record));
            for (const kv::Row& checksum : body.checksum_rows)
                transaction.batch().put(checksum.key, checksum.value);
            return {};
        },
        &fate);
    if (fate == Fate::committed) body.keep();
    if (fate == Fate::unknown) body.abandon();
    if (told != nullptr) *told = fate;
    if (!committed) return fail(std::move(committed).error());
    return record;
}

Result<std::vector<ListedPart>> ObjectStore::read_parts(const Bucket& bucket,
                                                        const std::string& upload_id,
                                                        std::uint32_t after,
                                                        std::size_t parts_max) {
    kv::Range range = kv::prefix_range(meta::part_rows(upload_id));
    range.begin = meta::part_row(upload_id, after + 1);
    std::vector<ListedPart> parts;
    if (parts_max == 0) return parts;
    Result<void> outcome;
    TRY_VOID(kv::scan_all(
        context_.kv, bucket.partition, std::move(range),
        [&](std::string_view row, std::string_view value) {
            const std::optional<std::uint32_t> number = meta::parse_part_row(row);
            Result<meta::PartRecord> record = meta::decode<meta::PartRecord>(value);
            if (!number || !record) {
                outcome = record ? fail(Code::corrupt, "a part row has a key that is not one")
                                 : fail(std::move(record).error());
                return false;
            }
            parts.push_back({.part_number = *number, .record = *std::move(record)});
            return parts.size() < parts_max;
        }));
    TRY_VOID(outcome);
    return parts;
}

Result<PartsListing> ObjectStore::list_parts(const Bucket& bucket, const std::string& key,
                                             const std::string& upload_id, std::uint32_t after,
                                             std::size_t parts_max) {
    PartsListing listing;
    TRY(listing.upload, find_upload(bucket, key, upload_id));
    if (after >= part_number_max) return listing;
    TRY(listing.parts, read_parts(bucket, upload_id, after, parts_max + 1));
    if (listing.parts.size() > parts_max) {
        listing.parts.pop_back();
        listing.truncated = true;
    }
    return listing;
}

Result<UploadsListing> ObjectStore::list_uploads(const Bucket& bucket, const UploadsQuery& query) {
    UploadsListing listing;
    if (query.uploads_max == 0) return listing;
    kv::Range range = kv::prefix_range(std::string(1, meta::upload_prefix));
    range.begin = meta::rows_from(meta::upload_prefix, std::max(query.prefix, query.key_marker));
    Result<void> outcome;
    TRY_VOID(or_no_bucket(kv::scan_all(
        context_.kv, bucket.partition, range, [&](std::string_view row, std::string_view value) {
            std::optional<meta::UploadRow> place = meta::parse_upload_row(row);
            Result<meta::UploadRecord> record = meta::decode<meta::UploadRecord>(value);
            if (!place || !record) {
                outcome = record ? fail(Code::corrupt, "an upload row has a key that is not one")
                                 : fail(std::move(record).error());
                return false;
            }
            if (!place->key.starts_with(query.prefix)) return place->key < query.prefix;
            if (!query.key_marker.empty()) {
                const bool behind =
                    place->key > query.key_marker ||
                    (place->key == query.key_marker && !query.upload_id_marker.empty() &&
                     place->upload_id > query.upload_id_marker);
                if (!behind) return true;
            }
            std::optional<std::string> rolled =
                meta::common_prefix(place->key, query.prefix, query.delimiter);
            if (rolled &&
                (rolled == query.key_marker ||
                 (!listing.common_prefixes.empty() && listing.common_prefixes.back() == *rolled)))
                return true;
            if (listing.uploads.size() + listing.common_prefixes.size() == query.uploads_max) {
                listing.truncated = true;
                return false;
            }
            listing.next_key_marker = rolled ? *rolled : place->key;
            listing.next_upload_id_marker = rolled ? "" : place->upload_id;
            if (rolled) {
                listing.common_prefixes.push_back(*std::move(rolled));
            } else {
                listing.uploads.push_back(
                    {std::move(place->key), std::move(place->upload_id), *std::move(record)});
            }
            return true;
        })));
    TRY_VOID(outcome);
    if (!listing.truncated) {
        listing.next_key_marker.clear();
        listing.next_upload_id_marker.clear();
    }
    return listing;
}

Result<ObjectStore::Fenced> ObjectStore::fence_upload(const Bucket& bucket, const std::string& key,
                                                      const std::string& upload_id) {
    Fenced fenced;
    TRY_VOID(transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
        TRY(UploadRow upload, read_upload(transaction, key, upload_id));
        transaction.batch().require(upload.row, upload.bytes);
        upload.record.set_state(meta::UPLOAD_COMPLETING);
        upload.record.set_completing_since_nanos(transaction.now());
        upload.record.set_completing_token(random_u64());
        fenced.upload = upload.record;
        fenced.bytes = meta::encode(upload.record);
        transaction.prove_by({upload.row, fenced.bytes});
        transaction.batch().put(upload.row, fenced.bytes);
        return {};
    }));
    return fenced;
}

bool ObjectStore::reopen_upload(const Bucket& bucket, const std::string& key,
                                const std::string& upload_id, const Fenced& fenced) {
    bool ours = true;
    const Result<void> reopened =
        transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
            const std::string row = meta::upload_row(key, upload_id);
            meta::UploadRecord record = fenced.upload;
            record.set_state(meta::UPLOAD_OPEN);
            TRY(const std::optional<std::string> present, transaction.get(row));
            ours = present == fenced.bytes;
            if (!ours) return {};
            transaction.batch().require(row, fenced.bytes);
            transaction.batch().put(row, meta::encode(record));
            return {};
        });
    if (!reopened)
        context_.log.warn("upload {} stays closed to parts for a while: {}", upload_id,
                          reopened.error().describe());
    return ours;
}

Result<void> ObjectStore::abort_upload(const Bucket& bucket, const std::string& key,
                                       const std::string& upload_id) {
    for (;;) {
        TRY(const Fenced fenced, fence_upload(bucket, key, upload_id));
        TRY(const std::vector<ListedPart> parts, read_parts(bucket, upload_id, 0, part_number_max));
        bool taken_over = false;
        // Of the parts replaced in it a blob may have kept none, so that no row names it.
        const std::set<std::string> blobs = shared_blobs_.with_parts(upload_id);
        TRY_VOID(
            transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
                const std::string row = meta::upload_row(key, upload_id);
                TRY(const std::optional<std::string> present, transaction.get(row));
                taken_over = present != fenced.bytes;
                if (taken_over) return {};
                transaction.batch().require(row, fenced.bytes);
                transaction.batch().remove(row);
                for (const ListedPart& part : parts) {
                    transaction.batch().remove(meta::part_row(upload_id, part.part_number));
                    discard_part(transaction, part.record,
                                 [](const std::string&) { return false; });
                }
                for (const std::string& blob : blobs) transaction.discard_own_blob(blob);
                return {};
            }));
        if (taken_over) continue;
        std::map<std::string, SharedBlobs::Fate> fates;
        for (const std::string& blob : blobs) fates[blob] = {};
        shared_blobs_.end(upload_id, fates, context_.log);
        return {};
    }
}

}  // namespace weir::store
