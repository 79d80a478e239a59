#include "hash/algorithm.h"
#include "s3/proto/copy_source.h"
#include "s3/proto/model_object.h"
#include "s3/proto/names.h"
#include "s3/server/preconditions.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

// The copy says of itself what the request says, or what the source said; the storage class is the
// request's either way.
Result<std::optional<meta::ObjectHeaders>> copied_headers(
    const Call& call, const CopyObjectRequest& request, const store::Bucket& source_bucket,
    const CopySource& source, const std::optional<meta::VersionName>& version) {
    if (request.metadata_directive.value_or("COPY") == "REPLACE") {
        TRY(meta::ObjectHeaders headers, object_headers(request));
        return headers;
    }
    if (!request.storage_class) return std::nullopt;
    TRY(const store::Found found, call.store.find(source_bucket, source.key, version));
    meta::ObjectHeaders headers = found.record.headers();
    headers.set_storage_class(*request.storage_class == "STANDARD" ? "" : *request.storage_class);
    return headers;
}

bool copies_onto_itself(const CopyObjectRequest& request, const CopySource& source) {
    return source.bucket == request.bucket && source.key == request.key && !source.version_id;
}

}  // namespace

Result<Reply> copy_object(const Call& call) {
    TRY_VOID(check_object_key(call.view.key));
    TRY(const CopyObjectRequest request, parse<CopyObjectRequest>(call.view));
    TRY(const CopySource source, parse_copy_source(request.copy_source));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const store::Bucket source_bucket, own_bucket(call, std::string_view(source.bucket)));
    if (request.expected_source_bucket_owner &&
        *request.expected_source_bucket_owner != source_bucket.owner)
        return fail(Code::access_denied);
    TRY(const std::optional<meta::VersionName> version, version_name(source.version_id));
    TRY(std::optional<meta::ObjectHeaders> headers,
        copied_headers(call, request, source_bucket, source, version));
    if (copies_onto_itself(request, source) && !headers)
        return fail(Code::invalid_request,
                    "This copy request is illegal because it is trying to copy an object to itself "
                    "without changing the object's metadata, storage class, website redirect "
                    "location or encryption attributes.");
    std::optional<hash::Algorithm> algorithm;
    if (request.checksum_algorithm)
        algorithm = hash::algorithm_by_name(*request.checksum_algorithm);

    TRY(const store::CopyResult copied,
        call.store.copy(
            bucket,
            {.source_bucket = &source_bucket,
             .source_key = source.key,
             .source_version = version,
             .source_precondition = source_precondition(
                 request.copy_source_if_match, request.copy_source_if_none_match,
                 request.copy_source_if_modified_since, request.copy_source_if_unmodified_since),
             .key = request.key,
             .headers = std::move(headers),
             .checksum_algorithm = algorithm,
             .precondition = write_precondition(request.if_match, request.if_none_match)}));
    TRY(const meta::Versioning source_versioning, call.store.versioning(source_bucket));
    CopyObjectReply message;
    CopyObjectResult& result = message.copy_object_result.emplace();
    result.etag = quoted(copied.record.etag());
    result.last_modified = copied.record.last_modified_nanos();
    result.checksum_type = checksum_type_name(copied.record.checksum_type());
    show_checksums(copied.record, result);
    message.version_id = made_version_id(copied.record);
    message.copy_source_version_id = shown_version_id(copied.source, source_versioning);
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
