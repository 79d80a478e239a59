#include <fmt/format.h>

#include "base/bytes.h"
#include "s3/proto/model_multipart.h"
#include "s3/server/preconditions.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

// The checksums that a message repeats. On a composite "-N" follows the base64 text.
template <typename Message>
Result<std::vector<meta::Checksum>> told_checksums(const Message& message) {
    std::vector<meta::Checksum> told;
    Result<void> outcome;
    for_each_checksum(
        message, [&](std::string_view algorithm, const std::optional<std::string>& member) {
            if (!member) return;
            std::string_view text = *member;
            const std::size_t dash = text.rfind('-');
            if (dash != std::string_view::npos) text = text.substr(0, dash);
            std::optional<std::string> value = base64_decode(text);
            if (!value) {
                outcome = fail(Code::bad_digest,
                               fmt::format("Value for Checksum{} is invalid.", algorithm));
                return;
            }
            meta::Checksum& checksum = told.emplace_back();
            checksum.set_algorithm(std::string(algorithm));
            checksum.set_value(*std::move(value));
        });
    TRY_VOID(outcome);
    return told;
}

Result<store::CompleteRequest> to_request(const CompleteMultipartUploadRequest& request) {
    store::CompleteRequest complete{.key = request.key,
                                    .upload_id = request.upload_id,
                                    .parts = {},
                                    .size_bytes = {},
                                    .checksums = {},
                                    .checksum_type = {},
                                    .precondition = {}};
    for (const CompletedPart& part : request.multipart_upload.parts) {
        TRY_VOID(check_part_number(part.part_number));
        TRY(std::vector<meta::Checksum> told, told_checksums(part));
        complete.parts.push_back({.part_number = static_cast<std::uint32_t>(part.part_number),
                                  .etag = std::string(unquoted(part.etag)),
                                  .checksums = std::move(told)});
    }
    if (request.mpu_object_size) {
        if (*request.mpu_object_size < 0)
            return fail(Code::invalid_request, "x-amz-mp-object-size is negative");
        complete.size_bytes = static_cast<std::uint64_t>(*request.mpu_object_size);
    }
    TRY(complete.checksums, told_checksums(request));
    if (request.checksum_type)
        complete.checksum_type = *request.checksum_type == "COMPOSITE"
                                     ? meta::CHECKSUM_TYPE_COMPOSITE
                                     : meta::CHECKSUM_TYPE_FULL_OBJECT;
    complete.precondition = write_precondition(request.if_match, request.if_none_match);
    return complete;
}

}  // namespace

Result<Reply> complete_multipart_upload(const Call& call) {
    TRY(const CompleteMultipartUploadRequest request,
        parse<CompleteMultipartUploadRequest>(call.view, call.body));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const store::CompleteRequest complete, to_request(request));
    TRY(const meta::ObjectRecord record, call.store.complete_upload(bucket, complete));
    CompleteMultipartUploadReply message;
    message.location = fmt::format("http://{}/{}/{}", call.view.host, request.bucket, request.key);
    message.bucket = request.bucket;
    message.key = request.key;
    message.etag = quoted(record.etag());
    message.version_id = made_version_id(record);
    show_checksums(record, message);
    message.checksum_type = checksum_type_name(record.checksum_type());
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
