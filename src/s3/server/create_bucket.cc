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
    Result<store::Bucket> created =
        call.store.create_bucket(request.bucket, std::string(call.owner), location);
    // AWS answers so in us-east-1, and clients that make sure of their bucket at every start rely
    // on it.
    const bool again = !created && created.error().code() == Code::bucket_already_owned_by_you &&
                       call.region == "us-east-1";
    if (!created && !again) return fail(std::move(created).error());
    CreateBucketReply message;
    message.location = "/" + request.bucket;
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
