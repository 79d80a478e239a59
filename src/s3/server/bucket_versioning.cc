#include "s3/proto/model_bucket.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> get_bucket_versioning(const Call& call) {
    TRY(const GetBucketVersioningRequest request, parse<GetBucketVersioningRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const meta::Versioning versioning, call.store.versioning(bucket));
    GetBucketVersioningReply message;
    if (versioning == meta::VERSIONING_ENABLED) message.status = "Enabled";
    if (versioning == meta::VERSIONING_SUSPENDED) message.status = "Suspended";
    Reply reply;
    write(message, reply);
    return reply;
}

Result<Reply> put_bucket_versioning(const Call& call) {
    TRY(const PutBucketVersioningRequest request,
        parse<PutBucketVersioningRequest>(call.view, call.body));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    const std::optional<std::string>& status = request.versioning_configuration.status;
    if (!status)
        return fail(Code::malformed_xml,
                    "The VersioningConfiguration needs a Status: Enabled or Suspended");
    TRY_VOID(call.store.set_versioning(
        bucket, *status == "Enabled" ? meta::VERSIONING_ENABLED : meta::VERSIONING_SUSPENDED));
    Reply reply;
    write(PutBucketVersioningReply(), reply);
    return reply;
}

}  // namespace weir::s3
