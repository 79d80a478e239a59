#include "s3/proto/model_bucket.h"
#include "s3/proto/names.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> create_bucket(const Call& call) {
    TRY_VOID(check_bucket_name(call.view.bucket));
    TRY(const CreateBucketRequest request, parse<CreateBucketRequest>(call.view, call.body));
    std::string location;
    if (request.create_bucket_configuration)
        location = request.create_bucket_configuration->location_constraint.value_or("");
    TRY_VOID(call.store.create_bucket(request.bucket, std::string(call.owner), location));
    CreateBucketReply message;
    message.location = "/" + request.bucket;
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
