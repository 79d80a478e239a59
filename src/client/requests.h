#pragma once
// What can be asked of S3 and what comes back, as plain values: one request and one reply for each
// operation of S3Client (s3_client.h). Names and keys are as people write them, not encoded. ETags
// are without their quotes. An empty string means "not said".

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace weir::client {

// Conditions of a write on what is there now.
struct WriteConditions {
    bool if_absent = false;     // If-None-Match: *
    std::string if_match = {};  // an ETag
};

// What an object carries besides its bytes.
struct ObjectHeaders {
    std::string content_type = {};
    std::string content_encoding = {};
    std::string cache_control = {};
    std::string content_disposition = {};
    std::map<std::string, std::string> metadata = {};  // x-amz-meta-*, names in lower case

    bool operator==(const ObjectHeaders&) const = default;
};

// One version of one object, as HEAD or GET tell.
// A file on this machine that holds an object's bytes, as a Weir says that is here too.
struct LocalBlob {
    std::string boot_id = {};  // of its kernel
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::string path = {};
};

struct ObjectInfo {
    std::uint64_t bytes = 0;  // of the whole object, also in a GET of a range
    std::string etag = {};
    std::string version_id = {};
    UnixNanos last_modified = 0;
    ObjectHeaders headers = {};
    std::string storage_class = {};
    // Of all its bytes; where the server has it and says so.
    std::optional<std::uint64_t> crc64nvme = {};
    std::optional<LocalBlob> blob = {};  // where it was asked for
};

struct ByteSpan {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

struct BucketInfo {
    std::string name = {};
    UnixNanos created = 0;
};
struct ListBucketsReply {
    std::vector<BucketInfo> buckets = {};
};

struct CreateBucketRequest {
    std::string bucket = {};
};

struct HeadBucketRequest {
    std::string bucket = {};
};
struct HeadBucketReply {
    std::string region = {};
};

struct HeadObjectRequest {
    std::string bucket = {};
    std::string key = {};
    std::string version_id = {};
    std::string if_match = {};
    std::string if_none_match = {};  // not_modified if it still is that one
    bool locate_blob = false;        // for a Weir on this machine
};

struct GetObjectRequest {
    std::string bucket = {};
    std::string key = {};
    std::string version_id = {};
    std::string if_match = {};
    std::string if_none_match = {};
    std::optional<ByteSpan> range = {};  // nullopt: all of it; cut at the object's end
    bool crc64nvme = false;              // compute it of what came, as GetObjectReply::crc64nvme
};
struct GetObjectReply {
    ObjectInfo object = {};
    std::uint64_t offset = 0;  // of what came
    std::uint64_t bytes = 0;   // that came
    std::optional<std::uint64_t> crc64nvme = {};
    // All of the object came, the server told a checksum and it was right.
    bool verified = false;
    unsigned resumed = 0;  // times that it broke off and went on
};

struct ListObjectsRequest {
    std::string bucket = {};
    std::string prefix = {};
    std::string delimiter = {};
    std::string start_after = {};
    std::string continuation_token = {};
    unsigned max_keys = 1000;
    bool metadata = false;  // with user metadata, where the store has that (Weir, Tigris, MinIO)
};
struct ListedObject {
    std::string key = {};
    std::uint64_t bytes = 0;
    std::string etag = {};
    UnixNanos last_modified = 0;
    std::string storage_class = {};
    std::map<std::string, std::string> metadata = {};  // where it was asked for and told
    // The store told all user metadata that this one has: where there is none, it has none.
    bool metadata_told = false;
};
struct ListObjectsReply {
    std::vector<ListedObject> objects = {};
    std::vector<std::string> common_prefixes = {};
    std::string continuation_token = {};  // empty: that was the last page
    // The store tells user metadata of all objects, but for those that may not be read.
    bool metadata_told = false;
};

struct ListVersionsRequest {
    std::string bucket = {};
    std::string prefix = {};
    std::string delimiter = {};
    std::string key_marker = {};
    std::string version_id_marker = {};
    unsigned max_keys = 1000;
};
struct ListedVersion {
    ListedObject object = {};  // of a delete marker only key and last_modified
    std::string version_id = {};
    bool latest = false;
    bool delete_marker = false;
};
struct ListVersionsReply {
    std::vector<ListedVersion> versions = {};  // in the order of the server
    std::vector<std::string> common_prefixes = {};
    bool truncated = false;
    std::string next_key_marker = {};
    std::string next_version_id_marker = {};
};

struct PutObjectRequest {
    std::string bucket = {};
    std::string key = {};
    ObjectHeaders headers = {};
    WriteConditions conditions = {};
};
struct PutObjectReply {
    std::string etag = {};
    std::string version_id = {};
    std::uint64_t crc64nvme = 0;  // of what was sent
};

struct CopyObjectRequest {
    std::string bucket = {};
    std::string key = {};
    std::string source_bucket = {};
    std::string source_key = {};
    std::string source_version_id = {};
    std::string source_if_match = {};
    std::optional<ObjectHeaders> replace_headers = {};  // nullopt: the source's are copied
    WriteConditions conditions = {};
};
struct CopyObjectReply {
    std::string etag = {};
    std::string version_id = {};
    UnixNanos last_modified = 0;
};

// S3's RenameObject: within one bucket; Weir and directory buckets of AWS have it, others answer
// not_implemented or method_not_allowed.
struct RenameObjectRequest {
    std::string bucket = {};
    std::string key = {};
    std::string source_key = {};
    std::string source_if_match = {};
    WriteConditions conditions = {};
    // Weir: both keys end in "/", and all keys that begin with the source are renamed at once;
    // without conditions.
    bool of_prefix = false;
};

struct DeleteObjectRequest {
    std::string bucket = {};
    std::string key = {};
    std::string version_id = {};
    std::string if_match = {};
};
struct DeleteObjectReply {
    std::string version_id = {};
    bool delete_marker = false;
};

struct ObjectName {
    std::string key = {};
    std::string version_id = {};
};
struct DeleteObjectsRequest {
    std::string bucket = {};
    std::vector<ObjectName> objects = {};  // at most delete_objects_keys_max
};
struct DeleteFailure {
    ObjectName object = {};
    std::string code = {};
    std::string message = {};
};
struct DeleteObjectsReply {
    std::vector<DeleteFailure> failures = {};  // the others are gone
};

struct CreateUploadRequest {
    std::string bucket = {};
    std::string key = {};
    ObjectHeaders headers = {};
};
struct CreateUploadReply {
    std::string upload_id = {};
};

struct UploadPartRequest {
    std::string bucket = {};
    std::string key = {};
    std::string upload_id = {};
    unsigned part_number = 0;  // from 1
};
struct UploadedPart {
    unsigned part_number = 0;
    std::uint64_t bytes = 0;
    std::string etag = {};
    std::optional<std::uint64_t> crc64nvme = {};
    UnixNanos last_modified = 0;  // in a listing only
};

struct UploadPartCopyRequest {
    std::string bucket = {};
    std::string key = {};
    std::string upload_id = {};
    unsigned part_number = 0;
    std::string source_bucket = {};
    std::string source_key = {};
    std::string source_version_id = {};
    std::string source_if_match = {};
    std::optional<ByteSpan> range = {};
};

struct CompleteUploadRequest {
    std::string bucket = {};
    std::string key = {};
    std::string upload_id = {};
    std::vector<UploadedPart> parts = {};  // ascending
    WriteConditions conditions = {};
};
struct CompleteUploadReply {
    std::string etag = {};
    std::string version_id = {};
};

struct AbortUploadRequest {
    std::string bucket = {};
    std::string key = {};
    std::string upload_id = {};
};

struct ListPartsRequest {
    std::string bucket = {};
    std::string key = {};
    std::string upload_id = {};
    unsigned part_number_marker = 0;
};
struct ListPartsReply {
    std::vector<UploadedPart> parts = {};
    bool truncated = false;
    unsigned next_part_number_marker = 0;
};

struct ListUploadsRequest {
    std::string bucket = {};
    std::string prefix = {};
    std::string key_marker = {};
    std::string upload_id_marker = {};
};
struct ListedUpload {
    std::string key = {};
    std::string upload_id = {};
    UnixNanos initiated = 0;
};
struct ListUploadsReply {
    std::vector<ListedUpload> uploads = {};
    bool truncated = false;
    std::string next_key_marker = {};
    std::string next_upload_id_marker = {};
};

}  // namespace weir::client
