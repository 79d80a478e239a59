#include "s3/proto/model_object.h"
#include "s3/proto/names.h"
#include "s3/server/preconditions.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> delete_object(const Call& call) {
    TRY_VOID(check_object_key(call.view.key));
    TRY(const DeleteObjectRequest request, parse<DeleteObjectRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(std::optional<meta::VersionName> version, version_name(request.version_id));
    TRY(const store::KeyChange::Removed removed,
        call.store.remove(bucket, {.key = request.key,
                                   .version = std::move(version),
                                   .precondition = delete_precondition(
                                       request.if_match, request.if_match_last_modified_time,
                                       request.if_match_size)}));
    DeleteObjectReply message;
    if (removed.delete_marker) message.delete_marker = true;
    if (request.version_id) message.version_id = request.version_id;
    if (!removed.version_id.empty()) message.version_id = removed.version_id;
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
