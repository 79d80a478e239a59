// The operations of uploads in parts.

#include <fmt/format.h>

#include "base/bytes.h"
#include "client/caller.h"
#include "client/lost_reply.h"
#include "client/payload.h"
#include "client/replies.h"
#include "client/state.h"
#include "hash/crc_combine.h"
#include "s3/proto/xml_writer.h"

namespace weir::client {
namespace {

Request of_upload(std::string method, const std::string& bucket, const std::string& key,
                  const std::string& upload_id) {
    Request http{.method = std::move(method), .bucket = bucket, .key = key};
    http.add_query("uploadId", upload_id);
    return http;
}

std::string complete_document(const std::vector<UploadedPart>& parts) {
    std::string xml;
    s3::XmlWriter writer(xml);
    writer.open_root("CompleteMultipartUpload", s3::xml_namespace_attribute);
    for (const UploadedPart& part : parts) {
        writer.open("Part");
        if (part.crc64nvme)
            writer.element("ChecksumCRC64NVME",
                           std::string_view(format_crc64nvme(*part.crc64nvme)));
        writer.element("ETag", std::string_view("\"" + part.etag + "\""));
        writer.element("PartNumber", std::string_view(std::to_string(part.part_number)));
        writer.close("Part");
    }
    writer.close("CompleteMultipartUpload");
    return xml;
}

// Of all bytes, if those of all parts are known.
std::optional<std::uint64_t> crc_of(const std::vector<UploadedPart>& parts) {
    std::uint64_t crc = 0;
    for (const UploadedPart& part : parts) {
        if (!part.crc64nvme) return std::nullopt;
        crc = hash::combine(hash::Algorithm::crc64nvme, crc, *part.crc64nvme, part.bytes);
    }
    return crc;
}

std::uint64_t bytes_of(const std::vector<UploadedPart>& parts) {
    std::uint64_t bytes = 0;
    for (const UploadedPart& part : parts) bytes += part.bytes;
    return bytes;
}

}  // namespace

Result<CreateUploadReply> S3Client::create_upload(const CreateUploadRequest& request,
                                                  const Call& call) {
    Request http{.method = "POST", .bucket = request.bucket, .key = request.key};
    http.add_query("uploads", "");
    http.add_object_headers(request.headers);
    http.add_header("x-amz-checksum-algorithm", "CRC64NVME");
    http.add_header("x-amz-checksum-type", "FULL_OBJECT");
    TRY(const Answer answer, Caller(state_->core, std::move(http), call).ask());
    TRY(std::string upload_id, parse_create_upload(answer.body));
    return CreateUploadReply{.upload_id = std::move(upload_id)};
}

Result<UploadedPart> S3Client::upload_part(const UploadPartRequest& request, const Source& source,
                                           const Call& call) {
    Core& core = state_->core;
    Request http = of_upload("PUT", request.bucket, request.key, request.upload_id);
    http.add_query("partNumber", std::to_string(request.part_number));
    TRY(const std::uint64_t crc, vouch_for(core, http, source, call));
    TRY(const Answer answer, Caller(core, std::move(http), call).ask());
    return UploadedPart{.part_number = request.part_number,
                        .bytes = source.bytes(),
                        .etag = unquoted_etag(answer.field("ETag")),
                        .crc64nvme = crc};
}

Result<UploadedPart> S3Client::upload_part_copy(const UploadPartCopyRequest& request,
                                                const Call& call) {
    Request http = of_upload("PUT", request.bucket, request.key, request.upload_id);
    http.slow_answer = true;
    http.add_query("partNumber", std::to_string(request.part_number));
    http.add_header("x-amz-copy-source", copy_source(request.source_bucket, request.source_key,
                                                     request.source_version_id));
    http.add_etag("x-amz-copy-source-if-match", request.source_if_match);
    if (request.range)
        http.add_header("x-amz-copy-source-range",
                        fmt::format("bytes={}-{}", request.range->offset,
                                    request.range->offset + request.range->length - 1));
    TRY(const Answer answer, Caller(state_->core, std::move(http), call).ask());
    TRY(UploadedPart part, parse_copy_part(answer.body));
    part.part_number = request.part_number;
    if (request.range) part.bytes = request.range->length;
    return part;
}

Result<CompleteUploadReply> S3Client::complete_upload(const CompleteUploadRequest& request,
                                                      const Call& call) {
    Core& core = state_->core;
    const std::string xml = complete_document(request.parts);
    const Source body(as_bytes(xml));
    const std::optional<std::uint64_t> crc = crc_of(request.parts);
    Request http = of_upload("POST", request.bucket, request.key, request.upload_id);
    http.slow_answer = true;
    http.source = &body;
    http.payload_sha256 = hex_encode(hash::digest(hash::Algorithm::sha256, as_bytes(xml)));
    http.add_conditions(request.conditions);
    if (crc) {
        http.add_header("x-amz-checksum-crc64nvme", format_crc64nvme(*crc));
        http.add_header("x-amz-checksum-type", "FULL_OBJECT");
    }
    Caller caller(core, std::move(http), call);
    const Result<Answer> answer = caller.ask();
    if (answer) {
        TRY(CompleteUploadReply reply, parse_complete_upload(answer->body));
        reply.version_id = answer->field("x-amz-version-id");
        return reply;
    }
    const Code code = answer.error().code();
    if (!caller.may_have_happened() ||
        (code != Code::precondition_failed && code != Code::no_such_upload))
        return fail(answer.error());
    Sent sent{.crc64nvme = crc, .etag = multipart_etag(request.parts)};
    if (crc) sent.bytes = bytes_of(request.parts);
    TRY(const ObjectInfo found,
        found_as_sent(*this, request.bucket, request.key, sent, answer.error(), call));
    return CompleteUploadReply{.etag = found.etag, .version_id = found.version_id};
}

Result<void> S3Client::abort_upload(const AbortUploadRequest& request, const Call& call) {
    Caller caller(state_->core, of_upload("DELETE", request.bucket, request.key, request.upload_id),
                  call);
    const Result<Answer> answer = caller.ask();
    if (answer) return {};
    if (caller.may_have_happened() && answer.error().code() == Code::no_such_upload) return {};
    return fail(answer.error());
}

}  // namespace weir::client
