#include <algorithm>

#include "s3/proto/model_object.h"
#include "s3/server/settled.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

Result<GetObjectAttributesParts> object_parts(const Call& call,
                                              const GetObjectAttributesRequest& request,
                                              const store::Bucket& bucket,
                                              const meta::ObjectRecord& record) {
    TRY(const std::size_t max_parts, page_size(request.max_parts, "max-parts"));
    TRY(const std::size_t marker,
        page_size(request.part_number_marker.value_or(0), "part-number-marker", part_number_max));
    TRY(const meta::PartTable table, call.store.part_table(bucket, request.key, record));
    GetObjectAttributesParts parts;
    parts.total_parts_count = table.parts_size();
    parts.part_number_marker = static_cast<std::int64_t>(marker);
    parts.max_parts = static_cast<std::int64_t>(max_parts);
    parts.is_truncated = false;
    parts.next_part_number_marker = 0;
    // S3 lists the parts only of objects that were uploaded with a checksum algorithm of the
    // client's choice.
    const bool listed = table.parts_size() > 0 && table.parts(0).checksums_size() > 0;
    for (int i = 0; i < table.parts_size(); ++i) {
        // Parts of a finished object count from one without gaps.
        const auto number = static_cast<std::size_t>(i) + 1;
        if (number <= marker) continue;
        if (number > marker + max_parts) {
            parts.is_truncated = true;
            break;
        }
        parts.next_part_number_marker = static_cast<std::int64_t>(number);
        if (!listed) continue;
        ObjectPart& part = parts.parts.emplace_back();
        part.part_number = static_cast<std::int64_t>(table.parts(i).part_number());
        part.size = static_cast<std::int64_t>(table.parts(i).size_bytes());
        show_checksums(table.parts(i).checksums(), meta::CHECKSUM_TYPE_FULL_OBJECT, 0, part);
    }
    return parts;
}

Result<Reply> answer(const Call& call) {
    TRY(const GetObjectAttributesRequest request, parse<GetObjectAttributesRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const std::optional<meta::VersionName> version, version_name(request.version_id));
    TRY(const store::Found found, call.store.find(bucket, request.key, version));
    const meta::ObjectRecord& record = found.record;
    if (record.delete_marker()) return fail(version ? Code::method_not_allowed : Code::no_such_key);
    TRY(const meta::Versioning versioning, call.store.versioning(bucket));
    const auto asked = [&](std::string_view attribute) {
        return std::ranges::find(request.object_attributes, attribute) !=
               request.object_attributes.end();
    };
    GetObjectAttributesReply message;
    message.last_modified = record.last_modified_nanos();
    message.version_id = shown_version_id(record, versioning);
    if (asked("ETag")) message.etag = record.etag();  // without quotes, here alone
    if (asked("Checksum") && record.checksums_size() > 0) {
        Checksum& checksum = message.checksum.emplace();
        show_checksums(record, checksum);
        checksum.checksum_type = checksum_type_name(record.checksum_type());
    }
    if (asked("ObjectParts") && record.parts_count() > 0) {
        TRY(message.object_parts, object_parts(call, request, bucket, record));
    }
    if (asked("StorageClass")) message.storage_class = storage_class_name(record.headers());
    if (asked("ObjectSize")) message.object_size = static_cast<std::int64_t>(record.size_bytes());
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace

Result<Reply> get_object_attributes(const Call& call) {
    return settled([&] { return answer(call); });
}

}  // namespace weir::s3
