#include <fmt/format.h>

#include "base/bytes.h"
#include "s3/proto/continuation_token.h"
#include "s3/proto/model_list.h"
#include "s3/proto/utf8.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

// TigrisFS's name for it, and its form.
constexpr std::string_view list_metadata_header = "X-Tigris-List-Metadata";

// What was sent as a header need not be what XML can hold: then it is as RFC 2047 has it.
std::string xml_value(const std::string& bytes) {
    return is_utf8_text(bytes) ? bytes : "=?UNKNOWN-8BIT?B?" + base64_encode(bytes) + "?=";
}

void add_metadata(const meta::ObjectHeaders& headers, ListedObject& listed) {
    if (headers.has_content_type()) listed.content_type = xml_value(headers.content_type());
    for (const meta::NamedValue& each : headers.user_metadata())
        listed.metadata.push_back({.name = each.name(), .value = xml_value(each.value())});
}

Result<bool> wants_metadata(const Call& call) {
    const std::optional<std::string_view> asked = call.view.header(list_metadata_header);
    if (asked && *asked != "true" && *asked != "false")
        return fail(Code::invalid_argument,
                    fmt::format("The header {} must be true or false.", list_metadata_header));
    return asked == "true";
}

ListedObject to_listed(const meta::ListedObject& object, const ListEncoding& encode,
                       const std::optional<Owner>& owner) {
    ListedObject listed;
    listed.key = encode(object.key);
    listed.last_modified = object.record.last_modified_nanos();
    listed.etag = quoted(object.record.etag());
    for (const meta::Checksum& checksum : object.record.checksums())
        listed.checksum_algorithm.push_back(checksum.algorithm());
    if (object.record.checksums_size() > 0)
        listed.checksum_type = checksum_type_name(object.record.checksum_type());
    listed.size = static_cast<std::int64_t>(object.record.size_bytes());
    listed.storage_class = storage_class_name(object.record.headers());
    listed.owner = owner;
    return listed;
}

// What both versions of the listing answer alike.
template <typename Message>
void fill(const meta::Listing& listing, const ListEncoding& encode,
          const std::optional<Owner>& owner, Message& message) {
    message.is_truncated = listing.truncated;
    for (const meta::ListedObject& object : listing.objects)
        message.contents.push_back(to_listed(object, encode, owner));
    for (const std::string& prefix : listing.common_prefixes)
        message.common_prefixes.push_back({.prefix = encode(prefix)});
}

}  // namespace

Result<Reply> list_objects(const Call& call) {
    TRY(const ListObjectsRequest request, parse<ListObjectsRequest>(call.view));
    TRY(const ListEncoding encode, ListEncoding::from(request.encoding_type));
    TRY(const std::size_t max_keys, page_size(request.max_keys, "max-keys"));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(const meta::Listing listing,
        call.store.list(bucket, {.prefix = request.prefix.value_or(""),
                                 .delimiter = request.delimiter.value_or(""),
                                 .after = request.marker.value_or(""),
                                 .keys_max = max_keys}));
    ListObjectsReply message;
    fill(listing, encode, owner_of(bucket), message);
    message.name = request.bucket;
    // Not encoded: no SDK decodes it in this version of the listing.
    message.prefix = request.prefix.value_or("");
    message.marker = encode(request.marker.value_or(""));
    message.max_keys = static_cast<std::int64_t>(max_keys);
    if (request.delimiter && !request.delimiter->empty()) {
        message.delimiter = encode.optional(request.delimiter);
        // Without a delimiter the last key is the marker, and S3 leaves it out.
        if (listing.truncated) message.next_marker = encode(listing.next_after);
    }
    message.encoding_type = request.encoding_type;
    Reply reply;
    write(message, reply);
    return reply;
}

Result<Reply> list_objects_v2(const Call& call) {
    TRY(const ListObjectsV2Request request, parse<ListObjectsV2Request>(call.view));
    TRY(const bool with_metadata, wants_metadata(call));
    TRY(const ListEncoding encode, ListEncoding::from(request.encoding_type));
    TRY(const std::size_t max_keys, page_size(request.max_keys, "max-keys"));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    std::string after = request.start_after.value_or("");
    if (!request.continuation_token.value_or("").empty()) {
        TRY(after, parse_continuation_token(*request.continuation_token));
    }
    TRY(const meta::Listing listing,
        call.store.list(bucket, {.prefix = request.prefix.value_or(""),
                                 .delimiter = request.delimiter.value_or(""),
                                 .after = after,
                                 .keys_max = max_keys}));
    ListObjectsV2Reply message;
    const bool with_owner = request.fetch_owner.value_or(false);
    fill(listing, encode, with_owner ? std::optional(owner_of(bucket)) : std::nullopt, message);
    if (with_metadata)
        for (std::size_t i = 0; i < listing.objects.size(); ++i)
            add_metadata(listing.objects[i].record.headers(), message.contents[i]);
    message.name = request.bucket;
    message.prefix = encode(request.prefix.value_or(""));
    if (request.delimiter && !request.delimiter->empty())
        message.delimiter = encode.optional(request.delimiter);
    message.max_keys = static_cast<std::int64_t>(max_keys);
    message.key_count =
        static_cast<std::int64_t>(listing.objects.size() + listing.common_prefixes.size());
    message.encoding_type = request.encoding_type;
    message.continuation_token = request.continuation_token;
    if (listing.truncated) message.next_continuation_token = continuation_token(listing.next_after);
    message.start_after = encode.optional(request.start_after);
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
