#include <fmt/format.h>

#include "s3/proto/copy_source.h"
#include "s3/proto/model_object.h"
#include "s3/proto/names.h"
#include "s3/server/preconditions.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

constexpr std::string_view prefix_header = "x-weir-rename-prefix";

Result<bool> is_of_prefix(const Call& call) {
    const std::optional<std::string_view> asked = call.view.header(prefix_header);
    if (asked && *asked != "true")
        return fail(Code::invalid_argument,
                    fmt::format("The header {} must be true.", prefix_header));
    return asked.has_value();
}

bool has_conditions(const RenameObjectRequest& request) {
    return request.source_if_match || request.source_if_none_match ||
           request.source_if_modified_since || request.source_if_unmodified_since ||
           request.destination_if_match || request.destination_if_none_match ||
           request.destination_if_modified_since || request.destination_if_unmodified_since;
}

Result<Reply> rename_prefix(const Call& call, const RenameObjectRequest& request,
                            const store::Bucket& bucket, const CopySource& source) {
    if (!source.key.ends_with('/') || !request.key.ends_with('/'))
        return fail(Code::invalid_argument, "A prefix that is renamed ends in a slash.");
    if (has_conditions(request))
        return fail(Code::invalid_request, "A prefix has nothing that a condition could be on.");
    TRY(const std::size_t renamed,
        call.store.rename_prefix(bucket, {.source_prefix = source.key, .prefix = request.key}));
    Reply reply;
    write(RenameObjectReply(), reply);
    reply.add_header("x-weir-renamed-keys", std::to_string(renamed));
    return reply;
}

}  // namespace

Result<Reply> rename_object(const Call& call) {
    TRY_VOID(check_object_key(call.view.key));
    TRY(const RenameObjectRequest request, parse<RenameObjectRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, std::string_view(request.bucket)));
    TRY(const CopySource source, parse_rename_source(request.rename_source, request.bucket));
    if (source.bucket != request.bucket)
        return fail(Code::invalid_request, "An object can be renamed only within its bucket.");
    TRY(const bool of_prefix, is_of_prefix(call));
    if (of_prefix) return rename_prefix(call, request, bucket, source);
    TRY_VOID(call.store.rename(
        bucket,
        {.source_key = source.key,
         .key = request.key,
         .source_precondition = source_precondition(
             request.source_if_match, request.source_if_none_match,
             request.source_if_modified_since, request.source_if_unmodified_since),
         .precondition = rename_target_precondition(
             request.destination_if_match, request.destination_if_none_match,
             request.destination_if_modified_since, request.destination_if_unmodified_since)}));
    Reply reply;
    write(RenameObjectReply(), reply);
    return reply;
}

}  // namespace weir::s3
