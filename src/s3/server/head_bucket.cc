#include "s3/proto/model_bucket.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> head_bucket(const Call& call) {
    TRY(const HeadBucketRequest request, parse<HeadBucketRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    HeadBucketReply message;
    message.bucket_region = bucket.location.empty() ? std::string(call.region) : bucket.location;
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
