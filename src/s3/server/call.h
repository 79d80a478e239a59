#pragma once
// One authenticated request as the verbs see it, and what several of them need. A verb is a plain
// function `Result<Reply> verb(const Call&)` in a file of its own, run on the blocking pool;
// verbs.h lists them. Only the verbs whose requests or replies carry an object's bytes are
// coroutines (service.cc calls them): get_object, put_object, upload_part.
//
// A Call lives as long as its request, on one thread at a time; it owns nothing.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "meta/records.pb.h"
#include "s3/proto/model_shapes.h"
#include "s3/proto/reply.h"
#include "s3/proto/request_view.h"
#include "store/object_store.h"

namespace weir::s3 {

struct Call {
    store::ObjectStore& store;
    std::string_view
        region;  // what GetBucketLocation and HeadBucket say of buckets made without a location
    std::string_view owner;  // who signed
    const RequestView& view;
    std::string_view body = {};  // of the requests that carry XML, whole
};

// The bucket, which must be the caller's: no_such_bucket, access_denied.
Result<store::Bucket> own_bucket(const Call& call, std::string_view name,
                                 store::Wait wait = store::Wait::yes);
// The bucket that the request names, and x-amz-expected-bucket-owner, if it is there, names its
// owner.
template <typename Request>
    requires requires(const Request& request) { request.bucket; }
Result<store::Bucket> own_bucket(const Call& call, const Request& request,
                                 store::Wait wait = store::Wait::yes) {
    TRY(store::Bucket bucket, own_bucket(call, std::string_view(request.bucket), wait));
    if (request.expected_bucket_owner && *request.expected_bucket_owner != bucket.owner)
        return fail(Code::access_denied);
    return bucket;
}

// A versionId parameter: nullopt if there is none, invalid_argument if it is no version id.
Result<std::optional<meta::VersionName>> version_name(const std::optional<std::string>& version_id);

// `"etag"` as headers and XML carry it, and back (quotes are optional in what clients send).
std::string quoted(std::string_view etag);
std::string_view unquoted(std::string_view etag);

// Empty means STANDARD.
std::string storage_class_name(const meta::ObjectHeaders& headers);

// The version id that the reply to a write names: none for a null version.
std::optional<std::string> made_version_id(const meta::ObjectRecord& record);

// The version id that a read shows: none where the bucket never kept versions.
std::optional<std::string> shown_version_id(const meta::ObjectRecord& record,
                                            meta::Versioning versioning);

std::string checksum_type_name(meta::ChecksumType type);

// Text of a stored checksum: base64, with "-N" on a composite.
std::string checksum_text(const meta::Checksum& checksum, meta::ChecksumType type,
                          std::uint32_t parts_count);

// Puts the stored checksums into the reply message's members.
template <typename Message>
void show_checksums(const google::protobuf::RepeatedPtrField<meta::Checksum>& checksums,
                    meta::ChecksumType type, std::uint32_t parts_count, Message& message) {
    for (const meta::Checksum& checksum : checksums) {
        for_each_checksum(message,
                          [&](std::string_view algorithm, std::optional<std::string>& member) {
                              if (algorithm == checksum.algorithm())
                                  member = checksum_text(checksum, type, parts_count);
                          });
    }
}
template <typename Message>
void show_checksums(const meta::ObjectRecord& record, Message& message) {
    show_checksums(record.checksums(), record.checksum_type(), record.parts_count(), message);
}

// aws-chunked is how the body travelled, not what the object is.
void set_content_encoding(meta::ObjectHeaders& headers, std::string_view value);
Result<void> set_user_metadata(meta::ObjectHeaders& headers,
                               const std::map<std::string, std::string>& metadata);

// What the client said of the object, from any request that makes one; metadata_too_large.
template <typename Request>
Result<meta::ObjectHeaders> object_headers(const Request& request) {
    meta::ObjectHeaders headers;
    const auto keep = [](const std::optional<std::string>& from, auto set) {
        if (from) set(*from);
    };
    keep(request.content_type, [&](const std::string& value) { headers.set_content_type(value); });
    keep(request.cache_control,
         [&](const std::string& value) { headers.set_cache_control(value); });
    keep(request.content_disposition,
         [&](const std::string& value) { headers.set_content_disposition(value); });
    keep(request.content_encoding,
         [&](const std::string& value) { set_content_encoding(headers, value); });
    keep(request.content_language,
         [&](const std::string& value) { headers.set_content_language(value); });
    keep(request.expires, [&](const std::string& value) { headers.set_expires(value); });
    keep(request.storage_class, [&](const std::string& value) {
        if (value != "STANDARD") headers.set_storage_class(value);
    });
    TRY_VOID(set_user_metadata(headers, request.metadata));
    return headers;
}

// Owner as listings show it.
Owner owner_of(const store::Bucket& bucket);

// encoding-type=url: percent-encodes what may hold any byte; else gives it back.
class ListEncoding {
  public:
    // invalid_argument for a type other than url.
    static Result<ListEncoding> from(const std::optional<std::string>& encoding_type);
    std::string operator()(std::string_view text) const;
    std::optional<std::string> optional(const std::optional<std::string>& text) const;

  private:
    explicit ListEncoding(bool url) : url_(url) {}
    bool url_;
};

// max-keys and its like: the default where absent, invalid_argument where negative, clamped to the
// bound.
Result<std::size_t> page_size(const std::optional<std::int64_t>& asked, std::string_view parameter,
                              std::size_t bound = list_keys_max);

// invalid_argument unless 1 to 10,000.
Result<void> check_part_number(std::int64_t part_number);

}  // namespace weir::s3
