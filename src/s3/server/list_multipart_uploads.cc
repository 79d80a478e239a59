#include "s3/proto/model_multipart.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> list_multipart_uploads(const Call& call) {
    TRY(const ListMultipartUploadsRequest request, parse<ListMultipartUploadsRequest>(call.view));
    TRY(const ListEncoding encode, ListEncoding::from(request.encoding_type));
    TRY(const std::size_t max_uploads, page_size(request.max_uploads, "max-uploads"));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const store::UploadsListing listing,
        call.store.list_uploads(bucket, {.prefix = request.prefix.value_or(""),
                                         .delimiter = request.delimiter.value_or(""),
                                         .key_marker = request.key_marker.value_or(""),
                                         .upload_id_marker = request.upload_id_marker.value_or(""),
                                         .uploads_max = max_uploads}));
    ListMultipartUploadsReply message;
    message.bucket = request.bucket;
    message.key_marker = encode(request.key_marker.value_or(""));
    message.upload_id_marker = request.upload_id_marker.value_or("");
    message.prefix = encode(request.prefix.value_or(""));
    if (request.delimiter && !request.delimiter->empty())
        message.delimiter = encode.optional(request.delimiter);
    message.max_uploads = static_cast<std::int64_t>(max_uploads);
    message.is_truncated = listing.truncated;
    message.encoding_type = request.encoding_type;
    if (listing.truncated) {
        message.next_key_marker = encode(listing.next_key_marker);
        message.next_upload_id_marker = listing.next_upload_id_marker;
    }
    for (const store::ListedUpload& upload : listing.uploads) {
        ListedUpload& listed = message.uploads.emplace_back();
        listed.upload_id = upload.upload_id;
        listed.key = encode(upload.key);
        listed.initiated = upload.record.initiated_nanos();
        listed.storage_class = storage_class_name(upload.record.headers());
        listed.owner = owner_of(bucket);
        listed.initiator =
            Initiator{.id = upload.record.owner(), .display_name = upload.record.owner()};
        if (!upload.record.checksum_algorithm().empty()) {
            listed.checksum_algorithm = upload.record.checksum_algorithm();
            listed.checksum_type = checksum_type_name(upload.record.checksum_type());
        }
    }
    for (const std::string& prefix : listing.common_prefixes)
        message.common_prefixes.push_back({.prefix = encode(prefix)});
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
