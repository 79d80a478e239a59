#include "s3/proto/model_bucket.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> delete_bucket(const Call& call) {
    TRY(const DeleteBucketRequest request, parse<DeleteBucketRequest>(call.view));
    TRY_VOID(own_bucket(call, request));
    TRY_VOID(call.store.delete_bucket(request.bucket));
    Reply reply;
    write(DeleteBucketReply(), reply);
    return reply;
}

}  // namespace weir::s3
