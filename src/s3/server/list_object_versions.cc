#include "s3/proto/model_list.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

std::variant<ObjectVersion, DeleteMarkerEntry> to_entry(const meta::ListedVersion& version,
                                                        const ListEncoding& encode,
                                                        const Owner& owner) {
    const meta::ObjectRecord& record = version.record;
    if (record.delete_marker()) {
        DeleteMarkerEntry entry;
        entry.owner = owner;
        entry.key = encode(version.key);
        entry.version_id = meta::version_id(record);
        entry.is_latest = version.latest;
        entry.last_modified = record.last_modified_nanos();
        return entry;
    }
    ObjectVersion entry;
    entry.etag = quoted(record.etag());
    for (const meta::Checksum& checksum : record.checksums())
        entry.checksum_algorithm.push_back(checksum.algorithm());
    if (record.checksums_size() > 0)
        entry.checksum_type = checksum_type_name(record.checksum_type());
    entry.size = static_cast<std::int64_t>(record.size_bytes());
    entry.storage_class = storage_class_name(record.headers());
    entry.key = encode(version.key);
    entry.version_id = meta::version_id(record);
    entry.is_latest = version.latest;
    entry.last_modified = record.last_modified_nanos();
    entry.owner = owner;
    return entry;
}

}  // namespace

Result<Reply> list_object_versions(const Call& call) {
    TRY(const ListObjectVersionsRequest request, parse<ListObjectVersionsRequest>(call.view));
    TRY(const ListEncoding encode, ListEncoding::from(request.encoding_type));
    TRY(const std::size_t max_keys, page_size(request.max_keys, "max-keys"));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    const bool has_version_marker =
        request.version_id_marker && !request.version_id_marker->empty();
    if (has_version_marker && request.key_marker.value_or("").empty())
        return fail(Code::invalid_argument,
                    "A version-id marker cannot be specified without a key marker.");
    TRY(const meta::VersionsListing listing,
        call.store.list_versions(
            bucket,
            {.prefix = request.prefix.value_or(""),
             .delimiter = request.delimiter.value_or(""),
             .key_marker = request.key_marker.value_or(""),
             .version_id_marker = has_version_marker ? request.version_id_marker : std::nullopt,
             .keys_max = max_keys}));
    ListObjectVersionsReply message;
    message.is_truncated = listing.truncated;
    message.name = request.bucket;
    message.prefix = encode(request.prefix.value_or(""));
    message.key_marker = encode(request.key_marker.value_or(""));
    message.version_id_marker = request.version_id_marker.value_or("");
    if (request.delimiter && !request.delimiter->empty())
        message.delimiter = encode.optional(request.delimiter);
    message.max_keys = static_cast<std::int64_t>(max_keys);
    message.encoding_type = request.encoding_type;
    if (listing.truncated) {
        message.next_key_marker = encode(listing.next_key_marker);
        message.next_version_id_marker = listing.next_version_id_marker;
    }
    const Owner owner = owner_of(bucket);
    for (const meta::ListedVersion& version : listing.versions)
        message.entries.push_back(to_entry(version, encode, owner));
    for (const std::string& prefix : listing.common_prefixes)
        message.common_prefixes.push_back({.prefix = encode(prefix)});
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
