#include "client/replies.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/number.h"
#include "s3/proto/model_time.h"
#include "s3/proto/request_view.h"
#include "s3/proto/uri.h"

namespace weir::client {
namespace {

using s3::XmlElement;

std::unexpected<Error> not_what_was_asked(std::string_view what) {
    return fail(Code::invalid_encoding, fmt::format("the server's reply is no {}", what));
}

std::uint64_t number_or_zero(std::string_view text) { return parse_number(text).value_or(0); }

UnixNanos time_of(std::string_view text) { return s3::parse_date(text).value_or(0); }

// A document whose root has one of the names that stores give it.
class Reply {
  public:
    static Result<Reply> parse(std::string_view xml, std::string_view name) {
        constexpr s3::XmlBounds bounds{.bytes = ClientLimits{}.reply_xml_bytes_max};
        while (!xml.empty() && (xml.front() == ' ' || xml.front() == '\n' || xml.front() == '\r'))
            xml.remove_prefix(1);  // kept the connection alive
        Result<s3::XmlDocument> document = s3::XmlDocument::parse(xml, bounds);
        if (!document || document->root().name() != name) return not_what_was_asked(name);
        return Reply(*std::move(document));
    }

    XmlElement root() const { return document_.root(); }
    std::string text(std::string_view name) const { return root().child(name).text(); }
    bool is_true(std::string_view name) const { return text(name) == "true"; }
    // A key or prefix, as the listing encodes it.
    Result<std::string> name(XmlElement element) const {
        std::string written = element.text();
        if (!encoded_) return written;
        std::optional<std::string> decoded = s3::percent_decode(written, /*plus_is_space=*/true);
        if (!decoded) return not_what_was_asked("listing: a key is not encoded as it says");
        return *std::move(decoded);
    }

    Result<std::vector<std::string>> common_prefixes() const {
        std::vector<std::string> prefixes;
        for (XmlElement at = root().child("CommonPrefixes"); at; at = at.next("CommonPrefixes")) {
            TRY(std::string prefix, name(at.child("Prefix")));
            prefixes.push_back(std::move(prefix));
        }
        return prefixes;
    }

  private:
    explicit Reply(s3::XmlDocument document)
        : document_(std::move(document)),
          encoded_(document_.root().child("EncodingType").text() == "url") {}

    s3::XmlDocument document_;
    bool encoded_;
};

// Of a header "x-amz-meta-name", in lower case; nullopt for other headers.
std::optional<std::string> metadata_name(std::string_view header) {
    constexpr std::string_view prefix = "x-amz-meta-";
    if (header.size() < prefix.size() ||
        !s3::equal_ignoring_case(header.substr(0, prefix.size()), prefix))
        return std::nullopt;
    std::string name(header.substr(prefix.size()));
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return name;
}

// As MinIO tells it, of each object that may be read: an element has the name of a header.
void read_user_metadata(XmlElement headers, ListedObject& object) {
    object.metadata_told = true;
    for (XmlElement at = headers.first_child(); at; at = at.next())
        if (const std::optional<std::string> name = metadata_name(at.name()))
            object.metadata[*name] = at.text();
}

// As Tigris and Weir tell one piece of it, where there is some.
void read_metadata(XmlElement element, ListedObject& object) {
    object.metadata_told = true;
    object.metadata[element.child("Name").text()] = element.child("Value").text();
}

Result<ListedObject> listed_object(const Reply& reply, XmlElement element) {
    ListedObject object;
    // In one pass: a page has a thousand of them.
    for (XmlElement at = element.first_child(); at; at = at.next()) {
        const std::string_view name = at.name();
        if (name == "Key") {
            TRY(object.key, reply.name(at));
        } else if (name == "Size") {
            object.bytes = number_or_zero(at.text());
        } else if (name == "ETag") {
            object.etag = unquoted_etag(at.text());
        } else if (name == "LastModified") {
            object.last_modified = time_of(at.text());
        } else if (name == "StorageClass") {
            object.storage_class = at.text();
        } else if (name == "Metadata") {
            read_metadata(at, object);
        } else if (name == "UserMetadata") {
            read_user_metadata(at, object);
        }
    }
    return object;
}

Result<ListedVersion> listed_version(const Reply& reply, XmlElement element, bool delete_marker) {
    TRY(ListedObject object, listed_object(reply, element));
    return ListedVersion{.object = std::move(object),
                         .version_id = element.child("VersionId").text(),
                         .latest = element.child("IsLatest").text() == "true",
                         .delete_marker = delete_marker};
}

// "boot=...; device=1; inode=2; path=/a%20b": nullopt if it is anything else.
std::optional<LocalBlob> parse_local_blob(std::string_view text) {
    LocalBlob blob;
    std::optional<std::uint64_t> device, inode;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(';'), text.size());
        std::string_view field = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        while (field.starts_with(' ')) field.remove_prefix(1);
        const std::size_t equals = std::min(field.find('='), field.size());
        const std::string_view name = field.substr(0, equals);
        const std::string_view value = field.substr(std::min(equals + 1, field.size()));
        if (name == "boot") blob.boot_id = value;
        if (name == "device") device = parse_number(value);
        if (name == "inode") inode = parse_number(value);
        if (name == "path") blob.path = s3::percent_decode(value, false).value_or("");
    }
    if (blob.boot_id.empty() || !blob.path.starts_with('/') || !device || !inode)
        return std::nullopt;
    blob.device = *device;
    blob.inode = *inode;
    return blob;
}

}  // namespace

std::string unquoted_etag(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
    return std::string(text);
}

std::optional<std::uint64_t> parse_crc64nvme(std::string_view base64) {
    const std::optional<std::string> raw = base64_decode(base64);
    if (!raw || raw->size() != 8) return std::nullopt;
    return read_be64(*raw);
}

std::string format_crc64nvme(std::uint64_t crc) {
    std::string raw;
    append_be64(raw, crc);
    return base64_encode(raw);
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
    constexpr std::string_view unit = "bytes ";
    if (!text.starts_with(unit)) return std::nullopt;
    text.remove_prefix(unit.size());
    const std::size_t dash = text.find('-'), slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash)
        return std::nullopt;
    const auto first = parse_number(text.substr(0, dash)),
               last = parse_number(text.substr(dash + 1, slash - dash - 1)),
               total = parse_number(text.substr(slash + 1));
    if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
    return ContentRange{.first = *first, .last = *last, .total = *total};
}

ObjectInfo parse_object_info(const std::vector<std::pair<std::string, std::string>>& fields) {
    ObjectInfo object;
    for (const auto& [name, value] : fields) {
        const auto is = [&name](std::string_view other) {
            return s3::equal_ignoring_case(name, other);
        };
        if (is("Content-Length")) object.bytes = number_or_zero(value);
        if (is("ETag")) object.etag = unquoted_etag(value);
        if (is("x-amz-version-id")) object.version_id = value;
        if (is("Last-Modified")) object.last_modified = time_of(value);
        if (is("Content-Type")) object.headers.content_type = value;
        if (is("Content-Encoding")) object.headers.content_encoding = value;
        if (is("Cache-Control")) object.headers.cache_control = value;
        if (is("Content-Disposition")) object.headers.content_disposition = value;
        if (is("x-amz-storage-class")) object.storage_class = value;
        if (is("x-weir-blob")) object.blob = parse_local_blob(value);
        if (is("x-amz-checksum-crc64nvme")) object.crc64nvme = parse_crc64nvme(value);
        if (const std::optional<std::string> of_metadata = metadata_name(name))
            object.headers.metadata[*of_metadata] = value;
    }
    for (const auto& [name, value] : fields)
        if (s3::equal_ignoring_case(name, "Content-Range"))
            if (const std::optional<ContentRange> range = parse_content_range(value))
                object.bytes = range->total;
    return object;
}

Result<ListBucketsReply> parse_list_buckets(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "ListAllMyBucketsResult"));
    ListBucketsReply out;
    for (XmlElement at = reply.root().child("Buckets").child("Bucket"); at; at = at.next("Bucket"))
        out.buckets.push_back(
            {.name = at.child("Name").text(), .created = time_of(at.child("CreationDate").text())});
    return out;
}

Result<ListObjectsReply> parse_list_objects(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "ListBucketResult"));
    ListObjectsReply out;
    for (XmlElement at = reply.root().child("Contents"); at; at = at.next("Contents")) {
        TRY(ListedObject object, listed_object(reply, at));
        out.objects.push_back(std::move(object));
    }
    TRY(out.common_prefixes, reply.common_prefixes());
    if (!reply.is_true("IsTruncated")) return out;
    out.continuation_token = reply.text("NextContinuationToken");
    if (out.continuation_token.empty())
        return not_what_was_asked("listing: it goes on and does not say where");
    return out;
}

Result<ListVersionsReply> parse_list_versions(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "ListVersionsResult"));
    ListVersionsReply out;
    // Versions and delete markers stand side by side, and their order is the point.
    for (XmlElement at = reply.root().first_child(); at; at = at.next()) {
        const bool delete_marker = at.name() == "DeleteMarker";
        if (!delete_marker && at.name() != "Version") continue;
        TRY(ListedVersion version, listed_version(reply, at, delete_marker));
        out.versions.push_back(std::move(version));
    }
    TRY(out.common_prefixes, reply.common_prefixes());
    out.truncated = reply.is_true("IsTruncated");
    TRY(out.next_key_marker, reply.name(reply.root().child("NextKeyMarker")));
    out.next_version_id_marker = reply.text("NextVersionIdMarker");
    if (out.truncated && out.next_key_marker.empty())
        return not_what_was_asked("listing: it goes on and does not say where");
    return out;
}

Result<DeleteObjectsReply> parse_delete_objects(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "DeleteResult"));
    DeleteObjectsReply out;
    for (XmlElement at = reply.root().child("Error"); at; at = at.next("Error"))
        out.failures.push_back(
            {.object = {.key = at.child("Key").text(), .version_id = at.child("VersionId").text()},
             .code = at.child("Code").text(),
             .message = at.child("Message").text()});
    return out;
}

Result<CopyObjectReply> parse_copy_object(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "CopyObjectResult"));
    return CopyObjectReply{.etag = unquoted_etag(reply.text("ETag")),
                           .version_id = {},
                           .last_modified = time_of(reply.text("LastModified"))};
}

Result<UploadedPart> parse_copy_part(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "CopyPartResult"));
    return UploadedPart{.etag = unquoted_etag(reply.text("ETag")),
                        .crc64nvme = parse_crc64nvme(reply.text("ChecksumCRC64NVME")),
                        .last_modified = time_of(reply.text("LastModified"))};
}

Result<std::string> parse_create_upload(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "InitiateMultipartUploadResult"));
    std::string upload_id = reply.text("UploadId");
    if (upload_id.empty()) return not_what_was_asked("upload: it has no UploadId");
    return upload_id;
}

Result<CompleteUploadReply> parse_complete_upload(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "CompleteMultipartUploadResult"));
    return CompleteUploadReply{.etag = unquoted_etag(reply.text("ETag")), .version_id = {}};
}

Result<ListPartsReply> parse_list_parts(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "ListPartsResult"));
    ListPartsReply out;
    for (XmlElement at = reply.root().child("Part"); at; at = at.next("Part"))
        out.parts.push_back(
            {.part_number = static_cast<unsigned>(number_or_zero(at.child("PartNumber").text())),
             .bytes = number_or_zero(at.child("Size").text()),
             .etag = unquoted_etag(at.child("ETag").text()),
             .crc64nvme = parse_crc64nvme(at.child("ChecksumCRC64NVME").text()),
             .last_modified = time_of(at.child("LastModified").text())});
    out.truncated = reply.is_true("IsTruncated");
    out.next_part_number_marker =
        static_cast<unsigned>(number_or_zero(reply.text("NextPartNumberMarker")));
    return out;
}

Result<ListUploadsReply> parse_list_uploads(std::string_view xml) {
    TRY(const Reply reply, Reply::parse(xml, "ListMultipartUploadsResult"));
    ListUploadsReply out;
    for (XmlElement at = reply.root().child("Upload"); at; at = at.next("Upload")) {
        TRY(std::string key, reply.name(at.child("Key")));
        out.uploads.push_back({.key = std::move(key),
                               .upload_id = at.child("UploadId").text(),
                               .initiated = time_of(at.child("Initiated").text())});
    }
    out.truncated = reply.is_true("IsTruncated");
    TRY(out.next_key_marker, reply.name(reply.root().child("NextKeyMarker")));
    out.next_upload_id_marker = reply.text("NextUploadIdMarker");
    return out;
}

}  // namespace weir::client
