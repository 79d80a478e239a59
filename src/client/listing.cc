// The operations that list.

#include "client/caller.h"
#include "client/replies.h"
#include "client/state.h"

namespace weir::client {
namespace {

void add_if(Request& request, const std::string& name, const std::string& value) {
    if (!value.empty()) request.add_query(name, value);
}

// What asks for user metadata; where it is not known nothing happens.
enum class Asks : std::uint8_t { by_header, minios_way };

Result<ListObjectsReply> list_once(Core& core, const ListObjectsRequest& request, Asks asks,
                                   const Call& call) {
    Request http{.bucket = request.bucket};
    http.add_query("list-type", "2");
    http.add_query("encoding-type", "url");
    http.add_query("max-keys", std::to_string(request.max_keys));
    add_if(http, "prefix", request.prefix);
    add_if(http, "delimiter", request.delimiter);
    add_if(http, "start-after", request.start_after);
    add_if(http, "continuation-token", request.continuation_token);
    if (request.metadata) http.add_header("x-tigris-list-metadata", "true");
    if (asks == Asks::minios_way) http.add_query("metadata", "true");
    TRY(const Answer answer, Caller(core, std::move(http), call).ask());
    core.minio_answers = answer.field("Server").starts_with("MinIO");
    TRY(ListObjectsReply reply, parse_list_objects(answer.body));
    const bool all_told = request.metadata && answer.field("x-weir-list-metadata") == "true";
    for (ListedObject& object : reply.objects) object.metadata_told |= all_told;
    reply.metadata_told = all_told || (asks == Asks::minios_way && core.minio_answers);
    return reply;
}

}  // namespace

Result<ListBucketsReply> S3Client::list_buckets(const Call& call) {
    TRY(const Answer answer, Caller(state_->core, {}, call).ask());
    return parse_list_buckets(answer.body);
}

Result<ListObjectsReply> S3Client::list_objects(const ListObjectsRequest& request,
                                                const Call& call) {
    Core& core = state_->core;
    if (request.metadata && core.minio_answers) {
        // No XML, where the name of some object's metadata cannot be an element's.
        Result<ListObjectsReply> reply = list_once(core, request, Asks::minios_way, call);
        if (reply || reply.error().code() != Code::invalid_encoding) return reply;
        return list_once(core, request, Asks::by_header, call);
    }
    TRY(ListObjectsReply reply, list_once(core, request, Asks::by_header, call));
    if (!request.metadata || !core.minio_answers) return reply;
    Result<ListObjectsReply> told = list_once(core, request, Asks::minios_way, call);
    return told ? *std::move(told) : std::move(reply);
}

Result<ListVersionsReply> S3Client::list_versions(const ListVersionsRequest& request,
                                                  const Call& call) {
    Request http{.bucket = request.bucket};
    http.add_query("versions", "");
    http.add_query("encoding-type", "url");
    http.add_query("max-keys", std::to_string(request.max_keys));
    add_if(http, "prefix", request.prefix);
    add_if(http, "delimiter", request.delimiter);
    add_if(http, "key-marker", request.key_marker);
    add_if(http, "version-id-marker", request.version_id_marker);
    TRY(const Answer answer, Caller(state_->core, std::move(http), call).ask());
    return parse_list_versions(answer.body);
}

Result<ListPartsReply> S3Client::list_parts(const ListPartsRequest& request, const Call& call) {
    Request http{.bucket = request.bucket, .key = request.key};
    http.add_query("uploadId", request.upload_id);
    if (request.part_number_marker > 0)
        http.add_query("part-number-marker", std::to_string(request.part_number_marker));
    TRY(const Answer answer, Caller(state_->core, std::move(http), call).ask());
    return parse_list_parts(answer.body);
}

Result<ListUploadsReply> S3Client::list_uploads(const ListUploadsRequest& request,
                                                const Call& call) {
    Request http{.bucket = request.bucket};
    http.add_query("uploads", "");
    http.add_query("encoding-type", "url");
    add_if(http, "prefix", request.prefix);
    add_if(http, "key-marker", request.key_marker);
    add_if(http, "upload-id-marker", request.upload_id_marker);
    TRY(const Answer answer, Caller(state_->core, std::move(http), call).ask());
    return parse_list_uploads(answer.body);
}

}  // namespace weir::client
