#include "s3/proto/model_multipart.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> abort_multipart_upload(const Call& call) {
    TRY(const AbortMultipartUploadRequest request, parse<AbortMultipartUploadRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    if (request.if_match_initiated_time) {
        TRY(const meta::UploadRecord upload,
            call.store.find_upload(bucket, request.key, request.upload_id));
        if (upload.initiated_nanos() / nanos_per_second !=
            *request.if_match_initiated_time / nanos_per_second)
            return fail(Code::precondition_failed);
    }
    TRY_VOID(call.store.abort_upload(bucket, request.key, request.upload_id));
    Reply reply;
    write(AbortMultipartUploadReply(), reply);
    return reply;
}

}  // namespace weir::s3
