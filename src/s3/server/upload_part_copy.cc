#include "s3/proto/copy_source.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/range.h"
#include "s3/server/preconditions.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> upload_part_copy(const Call& call) {
    TRY(const UploadPartCopyRequest request, parse<UploadPartCopyRequest>(call.view));
    TRY(const CopySource source, parse_copy_source(request.copy_source));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const store::Bucket source_bucket, own_bucket(call, std::string_view(source.bucket)));
    if (request.expected_source_bucket_owner &&
        *request.expected_source_bucket_owner != source_bucket.owner)
        return fail(Code::access_denied);
    TRY(const std::optional<meta::VersionName> version, version_name(source.version_id));
    TRY_VOID(check_part_number(request.part_number));
    store::PartCopyRequest part{
        .part = {.key = request.key,
                 .upload_id = request.upload_id,
                 .part_number = static_cast<std::uint32_t>(request.part_number)},
        .source_bucket = &source_bucket,
        .source_key = source.key,
        .source_version = version,
        .source_precondition = source_precondition(
            request.copy_source_if_match, request.copy_source_if_none_match,
            request.copy_source_if_modified_since, request.copy_source_if_unmodified_since),
        .range = {}};
    if (request.copy_source_range) {
        part.range = [&](std::uint64_t size) -> Result<std::optional<store::ByteRange>> {
            TRY(const ByteRange range, parse_copy_source_range(*request.copy_source_range, size));
            return store::ByteRange{.offset = range.offset, .length = range.length};
        };
    }
    meta::ObjectRecord source_record;
    TRY(const meta::PartRecord record, call.store.copy_part(bucket, part, &source_record));
    TRY(const meta::Versioning source_versioning, call.store.versioning(source_bucket));
    UploadPartCopyReply message;
    message.copy_source_version_id = shown_version_id(source_record, source_versioning);
    CopyPartResult& result = message.copy_part_result.emplace();
    result.etag = quoted(record.etag());
    result.last_modified = record.last_modified_nanos();
    show_checksums(record.checksums(), meta::CHECKSUM_TYPE_FULL_OBJECT, 0, result);
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
