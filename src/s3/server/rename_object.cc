#include "s3/proto/copy_source.h"
#include "s3/proto/model_object.h"
#include "s3/proto/names.h"
#include "s3/server/preconditions.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> rename_object(const Call& call) {
    TRY_VOID(check_object_key(call.view.key));
    TRY(const RenameObjectRequest request, parse<RenameObjectRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, std::string_view(request.bucket)));
    TRY(const CopySource source, parse_rename_source(request.rename_source, request.bucket));
    if (source.bucket != request.bucket)
        return fail(Code::invalid_request, "An object can be renamed only within its bucket.");
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
