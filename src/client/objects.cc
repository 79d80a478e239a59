// The operations on buckets and objects, GET aside (get_object.cc).

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/random.h"
#include "client/caller.h"
#include "client/lost_reply.h"
#include "client/payload.h"
#include "client/replies.h"
#include "client/state.h"
#include "s3/proto/uri.h"
#include "s3/proto/xml_writer.h"

namespace weir::client {
namespace {

std::string delete_document(const DeleteObjectsRequest& request) {
    std::string xml;
    s3::XmlWriter writer(xml);
    writer.open_root("Delete", s3::xml_namespace_attribute);
    for (const ObjectName& object : request.objects) {
        writer.open("Object");
        writer.element("Key", std::string_view(object.key));
        if (!object.version_id.empty())
            writer.element("VersionId", std::string_view(object.version_id));
        writer.close("Object");
    }
    writer.element("Quiet", std::string_view("true"));
    writer.close("Delete");
    return xml;
}

std::string location_document(const std::string& region) {
    std::string xml;
    s3::XmlWriter writer(xml);
    writer.open_root("CreateBucketConfiguration", s3::xml_namespace_attribute);
    writer.element("LocationConstraint", std::string_view(region));
    writer.close("CreateBucketConfiguration");
    return xml;
}

}  // namespace

Result<void> S3Client::create_bucket(const CreateBucketRequest& request, const Call& call) {
    Core& core = state_->core;
    Request http{.method = "PUT", .bucket = request.bucket};
    std::string xml;
    // AWS's first region has no name of that kind.
    if (core.endpoint.region != "us-east-1") xml = location_document(core.endpoint.region);
    const Source body(as_bytes(xml));
    if (!xml.empty()) TRY_VOID(vouch_for_xml(core, http, body, call));
    Caller caller(core, std::move(http), call);
    const Result<Answer> answer = caller.ask();
    if (answer) return {};
    if (caller.may_have_happened() && answer.error().code() == Code::bucket_already_owned_by_you)
        return {};
    return fail(answer.error());
}

Result<HeadBucketReply> S3Client::head_bucket(const HeadBucketRequest& request, const Call& call) {
    TRY(const Answer answer,
        Caller(state_->core, {.method = "HEAD", .bucket = request.bucket}, call).ask());
    return HeadBucketReply{.region = answer.field("x-amz-bucket-region")};
}

Result<ObjectInfo> S3Client::head_object(const HeadObjectRequest& request, const Call& call) {
    Request http{.method = "HEAD", .bucket = request.bucket, .key = request.key};
    if (!request.version_id.empty()) http.add_query("versionId", request.version_id);
    http.add_header("x-amz-checksum-mode", "ENABLED");
    http.add_etag("If-Match", request.if_match);
    http.add_etag("If-None-Match", request.if_none_match);
    if (request.locate_blob) http.add_header("x-weir-blob", "locate");
    TRY(const Answer answer, Caller(state_->core, std::move(http), call).ask());
    return parse_object_info(answer.fields);
}

Result<PutObjectReply> S3Client::put_object(const PutObjectRequest& request, const Source& source,
                                            const Call& call) {
    if (source.bytes() > put_bytes_max) return fail(Code::entity_too_large);
    Core& core = state_->core;
    Request http{.method = "PUT", .bucket = request.bucket, .key = request.key};
    http.add_object_headers(request.headers);
    http.add_conditions(request.conditions);
    TRY(const std::uint64_t crc, vouch_for(core, http, source, call));
    Caller caller(core, std::move(http), call);
    const Result<Answer> answer = caller.ask();
    if (answer)
        return PutObjectReply{.etag = unquoted_etag(answer->field("ETag")),
                              .version_id = answer->field("x-amz-version-id"),
                              .crc64nvme = crc};
    if (!caller.may_have_happened() || answer.error().code() != Code::precondition_failed)
        return fail(answer.error());
    TRY(const ObjectInfo found,
        found_as_sent(*this, request.bucket, request.key,
                      {.bytes = source.bytes(), .crc64nvme = crc, .source = &source},
                      answer.error(), call));
    return PutObjectReply{.etag = found.etag, .version_id = found.version_id, .crc64nvme = crc};
}

Result<CopyObjectReply> S3Client::copy_object(const CopyObjectRequest& request, const Call& call) {
    Request http{.method = "PUT", .bucket = request.bucket, .key = request.key};
    http.slow_answer = true;
    http.add_header("x-amz-copy-source", copy_source(request.source_bucket, request.source_key,
                                                     request.source_version_id));
    http.add_etag("x-amz-copy-source-if-match", request.source_if_match);
    if (request.replace_headers) {
        http.add_header("x-amz-metadata-directive", "REPLACE");
        http.add_object_headers(*request.replace_headers);
    }
    http.add_conditions(request.conditions);
    Caller caller(state_->core, std::move(http), call);
    const Result<Answer> answer = caller.ask();
    if (answer) {
        TRY(CopyObjectReply reply, parse_copy_object(answer->body));
        reply.version_id = answer->field("x-amz-version-id");
        return reply;
    }
    if (!caller.may_have_happened() || answer.error().code() != Code::precondition_failed)
        return fail(answer.error());
    TRY(const ObjectInfo source, head_object({.bucket = request.source_bucket,
                                              .key = request.source_key,
                                              .version_id = request.source_version_id},
                                             call));
    TRY(const ObjectInfo found,
        found_as_sent(*this, request.bucket, request.key,
                      {.bytes = source.bytes, .crc64nvme = source.crc64nvme, .etag = source.etag},
                      answer.error(), call));
    return CopyObjectReply{
        .etag = found.etag, .version_id = found.version_id, .last_modified = found.last_modified};
}

Result<void> S3Client::rename_object(const RenameObjectRequest& request, const Call& call) {
    constexpr std::size_t token_characters = 32;
    // A store that does not know the query (MinIO) would put an empty object there. It has to
    // refuse this digest, which is not that of no bytes; who does rename has no use for it.
    constexpr const char* no_digest = "/////////////////////w==";
    Core& core = state_->core;
    const auto unknown = [] {
        return fail(Code::not_implemented, "the store does not know RenameObject");
    };
    if (core.rename_unknown) return unknown();
    Request http{.method = "PUT", .bucket = request.bucket, .key = request.key};
    http.slow_answer = true;
    http.add_query("renameObject", "");
    http.add_header("Content-MD5", no_digest);
    http.false_digest = true;
    http.add_header(
        "x-amz-rename-source",
        fmt::format("/{}/{}", request.bucket, s3::percent_encode(request.source_key, true)));
    if (request.of_prefix) http.add_header("x-weir-rename-prefix", "true");
    // Some stores know by it that a second try is one.
    http.add_header("x-amz-client-token", random_token(token_characters));
    http.add_etag("x-amz-rename-source-if-match", request.source_if_match);
    http.add_conditions(request.conditions);
    Caller caller(core, std::move(http), call);
    const Result<Answer> answer = caller.ask();
    const bool put = answer && !answer->field("ETag").empty();
    if (answer && !put) return {};
    if (put || answer.error().code() == Code::bad_digest) {
        core.rename_unknown = true;
        return unknown();
    }
    const Code code = answer.error().code();
    if (!caller.may_have_happened() ||
        (code != Code::no_such_key && code != Code::precondition_failed))
        return fail(answer.error());
    if (request.source_if_match.empty())
        return fail(Code::unavailable,
                    fmt::format("whether {} was renamed is not known: the reply was lost",
                                request.source_key));
    TRY_VOID(found_as_sent(*this, request.bucket, request.key, {.etag = request.source_if_match},
                           answer.error(), call));
    return {};
}

Result<DeleteObjectReply> S3Client::delete_object(const DeleteObjectRequest& request,
                                                  const Call& call) {
    Request http{.method = "DELETE", .bucket = request.bucket, .key = request.key};
    if (!request.version_id.empty()) http.add_query("versionId", request.version_id);
    http.add_etag("If-Match", request.if_match);
    Caller caller(state_->core, std::move(http), call);
    const Result<Answer> answer = caller.ask();
    if (answer)
        return DeleteObjectReply{.version_id = answer->field("x-amz-version-id"),
                                 .delete_marker = answer->field("x-amz-delete-marker") == "true"};
    const Code code = answer.error().code();
    if (!caller.may_have_happened() ||
        (code != Code::precondition_failed && code != Code::no_such_key))
        return fail(answer.error());
    const Result<ObjectInfo> left =
        head_object({.bucket = request.bucket, .key = request.key}, call);
    if (!left && left.error().code() == Code::no_such_key) return DeleteObjectReply();
    return fail(answer.error());
}

Result<DeleteObjectsReply> S3Client::delete_objects(const DeleteObjectsRequest& request,
                                                    const Call& call) {
    if (request.objects.size() > delete_objects_keys_max)
        return fail(Code::invalid_argument, fmt::format("at most {} objects are deleted at a time",
                                                        delete_objects_keys_max));
    if (request.objects.empty()) return DeleteObjectsReply();
    Core& core = state_->core;
    const std::string xml = delete_document(request);
    const Source body(as_bytes(xml));
    Request http{.method = "POST", .bucket = request.bucket};
    http.add_query("delete", "");
    // Older stores ask for this one.
    http.add_header("Content-MD5",
                    base64_encode(hash::digest(hash::Algorithm::md5, as_bytes(xml))));
    TRY_VOID(vouch_for_xml(core, http, body, call));
    TRY(const Answer answer, Caller(core, std::move(http), call).ask());
    return parse_delete_objects(answer.body);
}

}  // namespace weir::client
