#pragma once
// Replies as values: headers and XML of what S3 answers. Private to client.
//
// Pure functions; safe from any thread. invalid_encoding for a document that is none, or not the
// one that was asked for.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/requests.h"
#include "http/reply_parser.h"
#include "s3/proto/xml_reader.h"

namespace weir::client {

std::string unquoted_etag(std::string_view text);
// "x-amz-checksum-crc64nvme": of all bytes, or else nullopt.
std::optional<std::uint64_t> parse_crc64nvme(std::string_view base64);
std::string format_crc64nvme(std::uint64_t crc);

// Of GET and HEAD. `bytes` comes from Content-Length or Content-Range.
ObjectInfo parse_object_info(const std::vector<std::pair<std::string, std::string>>& fields);

// "bytes 0-9/100"; nullopt for anything else, an unknown size among them.
struct ContentRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t total = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

Result<ListBucketsReply> parse_list_buckets(std::string_view xml);
Result<ListObjectsReply> parse_list_objects(std::string_view xml);
Result<ListVersionsReply> parse_list_versions(std::string_view xml);
Result<DeleteObjectsReply> parse_delete_objects(std::string_view xml);
Result<CopyObjectReply> parse_copy_object(std::string_view xml);
// CopyPartResult: etag, checksum and time.
Result<UploadedPart> parse_copy_part(std::string_view xml);
Result<std::string> parse_create_upload(std::string_view xml);
Result<CompleteUploadReply> parse_complete_upload(std::string_view xml);
Result<ListPartsReply> parse_list_parts(std::string_view xml);
Result<ListUploadsReply> parse_list_uploads(std::string_view xml);

}  // namespace weir::client
