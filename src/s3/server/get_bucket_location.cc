#include "s3/proto/model_bucket.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> get_bucket_location(const Call& call) {
    TRY(const GetBucketLocationRequest request, parse<GetBucketLocationRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    GetBucketLocationReply message;
    // AWS writes us-east-1 as an empty element.
    message.location_constraint = bucket.location == "us-east-1" ? "" : bucket.location;
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
