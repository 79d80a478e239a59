#include "s3/proto/continuation_token.h"
#include "s3/proto/model_bucket.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

constexpr std::size_t buckets_page_max = 10'000;

}  // namespace

Result<Reply> list_buckets(const Call& call) {
    TRY(const ListBucketsRequest request, parse<ListBucketsRequest>(call.view));
    TRY(const std::size_t page, page_size(request.max_buckets, "max-buckets", buckets_page_max));
    if (page == 0)
        return fail(Code::invalid_argument,
                    "Argument max-buckets must be an integer between 1 and 10000");
    std::string after;
    if (request.continuation_token) {
        TRY(after, parse_continuation_token(*request.continuation_token));
    }
    TRY(std::vector<store::Bucket> buckets,
        call.store.list_buckets(std::string(call.owner), request.prefix.value_or(""), after,
                                page + 1));
    ListBucketsReply message;
    message.owner = Owner{.display_name = std::string(call.owner), .id = std::string(call.owner)};
    message.prefix = request.prefix;
    if (buckets.size() > page) {
        buckets.pop_back();
        message.continuation_token = continuation_token(buckets.back().name);
    }
    for (const store::Bucket& bucket : buckets) {
        ListedBucket& listed = message.buckets.emplace_back();
        listed.name = bucket.name;
        listed.creation_date = bucket.created;
        if (request.max_buckets || request.bucket_region)
            listed.bucket_region = std::string(call.region);
    }
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
