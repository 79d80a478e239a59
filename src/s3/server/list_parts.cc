#include "s3/proto/model_multipart.h"
#include "s3/server/verbs.h"

namespace weir::s3 {

Result<Reply> list_parts(const Call& call) {
    TRY(const ListPartsRequest request, parse<ListPartsRequest>(call.view));
    TRY(const std::size_t max_parts, page_size(request.max_parts, "max-parts"));
    TRY(const std::size_t marker,
        page_size(request.part_number_marker.value_or(0), "part-number-marker", part_number_max));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const store::PartsListing listing,
        call.store.list_parts(bucket, request.key, request.upload_id,
                              static_cast<std::uint32_t>(marker), max_parts));
    ListPartsReply message;
    message.bucket = request.bucket;
    message.key = request.key;
    message.upload_id = request.upload_id;
    message.part_number_marker = static_cast<std::int64_t>(marker);
    message.next_part_number_marker =
        listing.parts.empty() ? 0 : static_cast<std::int64_t>(listing.parts.back().part_number);
    message.max_parts = static_cast<std::int64_t>(max_parts);
    message.is_truncated = listing.truncated;
    for (const store::ListedPart& part : listing.parts) {
        ListedPart& listed = message.parts.emplace_back();
        listed.part_number = part.part_number;
        listed.last_modified = part.record.last_modified_nanos();
        listed.etag = quoted(part.record.etag());
        listed.size = static_cast<std::int64_t>(part.record.size_bytes());
        show_checksums(part.record.checksums(), meta::CHECKSUM_TYPE_FULL_OBJECT, 0, listed);
    }
    message.initiator =
        Initiator{.id = listing.upload.owner(), .display_name = listing.upload.owner()};
    message.owner = owner_of(bucket);
    message.storage_class = storage_class_name(listing.upload.headers());
    if (!listing.upload.checksum_algorithm().empty()) {
        message.checksum_algorithm = listing.upload.checksum_algorithm();
        message.checksum_type = checksum_type_name(listing.upload.checksum_type());
    }
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
