#include "base/check.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"

namespace weir::store {
namespace {

// More extents than this would push a row of the listing past 4 KiB.
constexpr std::size_t record_extents_max = 8;

// Neighbours in one blob become one extent, which is what makes a completed upload one sendfile.
void coalesce(std::vector<meta::Extent>& extents) {
    std::vector<meta::Extent> merged;
    for (meta::Extent& extent : extents) {
        if (!merged.empty()) {
            meta::Extent& last = merged.back();
            if (last.blob() == extent.blob() && last.referrer() == extent.referrer() &&
                last.transform() == extent.transform() &&
                last.offset() + last.length() == extent.offset()) {
                last.set_length(last.length() + extent.length());
                continue;
            }
        }
        merged.push_back(std::move(extent));
    }
    extents = std::move(merged);
}

}  // namespace

void place_extents(std::vector<meta::Extent> extents, meta::ObjectRecord& record,
                   meta::PartTable& table) {
    coalesce(extents);
    record.clear_extents();
    table.clear_extents();
    if (extents.empty()) {
        record.set_body(meta::BODY_EMPTY);
        return;
    }
    const bool in_record = extents.size() <= record_extents_max;
    record.set_body(in_record ? meta::BODY_EXTENTS : meta::BODY_TABLE);
    for (meta::Extent& extent : extents)
        *(in_record ? record.add_extents() : table.add_extents()) = std::move(extent);
}

namespace {

meta::ObjectRecord make_record(const PutRequest& request, const StoredBody& body) {
    meta::ObjectRecord record;
    *record.mutable_headers() = request.headers;
    record.set_size_bytes(body.size_bytes);
    record.set_etag(request.etag);
    record.set_crc64nvme(body.crc64nvme);
    for (const meta::Checksum& checksum : request.checksums) *record.add_checksums() = checksum;
    meta::PartTable no_parts;
    place_extents(body.extents, record, no_parts);
    if (!body.inline_bytes.empty()) record.set_body(meta::BODY_INLINE);
    return record;
}

Result<void> build_put(Transaction& transaction, const PutRequest& request, const StoredBody& body,
                       meta::ObjectRecord& record) {
    TRY(KeyChange change, KeyChange::read(transaction, request.key));
    if (request.precondition) TRY_VOID(request.precondition(change.object()));
    TRY_VOID(change.put(record, meta::JOURNAL_PUT));
    if (!body.inline_bytes.empty())
        transaction.batch().put(meta::body_row(request.key, record.version()), body.inline_bytes);
    for (const kv::Row& row : body.checksum_rows) transaction.batch().put(row.key, row.value);
    return {};
}

}  // namespace

ObjectStore::ObjectStore(Context context)
    : context_(context), damage_(context_), in_flight_(context_.blobs), shared_blobs_(in_flight_) {}

BodyWriter ObjectStore::begin_body(const Bucket& bucket, std::optional<std::uint64_t> size_bytes,
                                   hash::AlgorithmSet algorithms) {
    return BodyWriter(
        context_, in_flight_,
        {.home = bucket.partition, .size_bytes = size_bytes, .algorithms = algorithms, .slot = {}});
}

Result<meta::ObjectRecord> ObjectStore::put(const Bucket& bucket, const PutRequest& request,
                                            StoredBody body) {
    meta::ObjectRecord record = make_record(request, body);
    if (!body.inline_bytes.empty()) TRY_VOID(context_.blobs.room_for(body.inline_bytes.size()));
    Fate fate = Fate::not_committed;
    Result<void> committed = transact(
        context_, bucket.partition,
        [&](Transaction& transaction) { return build_put(transaction, request, body, record); },
        &fate);
    if (fate == Fate::committed) body.keep();
    if (fate == Fate::unknown) body.abandon();
    if (!committed) return fail(std::move(committed).error());
    return record;
}

Result<ObjectStore::PreparedPut> ObjectStore::prepare_put(const Bucket& bucket,
                                                          const PutRequest& request,
                                                          const StoredBody& body) {
    CHECK(body.extents.empty());
    TRY(Fence fence, read_fence(context_.kv, bucket.partition, Wait::no));
    Transaction transaction(context_, bucket.partition, std::move(fence), Wait::no);
    meta::ObjectRecord record = make_record(request, body);
    TRY_VOID(build_put(transaction, request, body, record));
    if (!body.inline_bytes.empty()) TRY_VOID(context_.blobs.room_for(body.inline_bytes.size()));
    transaction.finish();
    return PreparedPut{.record = std::move(record),
                       .batch = std::move(transaction.batch()),
                       .proof = transaction.proof()};
}

void ObjectStore::commit_put(const Bucket& bucket, PreparedPut& prepared,
                             std::function<void(Result<void>)> done) {
    context_.kv.commit(bucket.partition, std::move(prepared.batch),
                       [done = std::move(done)](Result<kv::Committed> committed) {
                           if (committed) return done({});
                           done(fail(or_no_bucket(std::move(committed)).error()));
                       });
}

Result<bool> ObjectStore::was_put(const Bucket& bucket, const PreparedPut& prepared,
                                  const Error& failure) {
    if (failure.code() != Code::unavailable || !prepared.proof) return false;
    return was_applied(context_, bucket.partition, *prepared.proof);
}

}  // namespace weir::store
