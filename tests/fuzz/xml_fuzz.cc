// XML bodies: bounded whatever they hold, read the same with a namespace or without, and any text
// that we write is read back. A request that was parsed, written and parsed again says the same.

#include <algorithm>
#include <string>

#include "fuzz_input.h"
#include "s3/proto/model_bucket.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/model_object.h"
#include "s3/proto/utf8.h"
#include "s3/proto/xml_reader.h"
#include "s3/proto/xml_writer.h"

namespace weir::s3 {
namespace {

RequestView view_of(std::string_view name) {
    RequestView view{.method = "POST", .bucket = "weights", .key = "k"};
    if (name == "CompleteMultipartUpload") view.query = {{"uploadId", "u"}};
    if (name == "Delete") view.query = {{"delete", ""}};
    return view;
}

template <typename Request>
Result<Request> read(std::string_view root, std::string_view xml) {
    return parse<Request>(view_of(root), xml);
}

void check_complete(std::string_view xml) {
    const auto request = read<CompleteMultipartUploadRequest>("CompleteMultipartUpload", xml);
    if (!request) return;
    const std::vector<CompletedPart>& parts = request->multipart_upload.parts;
    CHECK(!parts.empty() && parts.size() <= part_number_max);
    std::string text;
    XmlWriter out(text);
    out.open_root("CompleteMultipartUpload", xml_namespace_attribute);
    for (const CompletedPart& part : parts) {
        out.open("Part");
        out.element("PartNumber", std::optional(part.part_number));
        out.element("ETag", std::string_view(part.etag));
        out.element("ChecksumCRC32C", part.checksum_crc32c);
        out.close("Part");
    }
    out.close("CompleteMultipartUpload");
    const auto again = read<CompleteMultipartUploadRequest>("CompleteMultipartUpload", text);
    CHECK(again.has_value());
    CHECK(std::ranges::equal(again->multipart_upload.parts, parts,
                             [](const CompletedPart& a, const CompletedPart& b) {
                                 return a.part_number == b.part_number && a.etag == b.etag &&
                                        a.checksum_crc32c == b.checksum_crc32c;
                             }));
}

void check_delete(std::string_view xml) {
    const auto request = read<DeleteObjectsRequest>("Delete", xml);
    if (!request) return;
    const Deletion& deletion = request->deletion;
    CHECK(!deletion.objects.empty() && deletion.objects.size() <= delete_objects_keys_max);
    std::string text;
    XmlWriter out(text);
    out.open_root("Delete");
    for (const ObjectIdentifier& object : deletion.objects) {
        CHECK(is_utf8_text(object.key));
        out.open("Object");
        out.element("Key", std::string_view(object.key));
        out.element("VersionId", object.version_id);
        out.close("Object");
    }
    out.element("Quiet", deletion.quiet);
    out.close("Delete");
    const auto again = read<DeleteObjectsRequest>("Delete", text);
    CHECK(again.has_value() && again->deletion.quiet == deletion.quiet);
    CHECK(std::ranges::equal(again->deletion.objects, deletion.objects,
                             [](const ObjectIdentifier& a, const ObjectIdentifier& b) {
                                 return a.key == b.key && a.version_id == b.version_id;
                             }));
}

void check_settings(std::string_view xml) {
    if (const auto request = read<PutBucketVersioningRequest>("VersioningConfiguration", xml)) {
        const auto& status = request->versioning_configuration.status;
        CHECK(!status || *status == "Enabled" || *status == "Suspended");
    }
    if (const auto request = read<CreateBucketRequest>("CreateBucketConfiguration", xml))
        CHECK(request->bucket == "weights");
}

// Any text, written by us, is read back as it was.
void check_text(std::string_view text) {
    if (!is_utf8_text(text)) return;
    std::string xml;
    XmlWriter out(xml);
    out.open_root("a", xml_namespace_attribute);
    out.element("b", text);
    out.close("a");
    const Result<XmlDocument> document = XmlDocument::parse(xml);
    CHECK(document.has_value());
    const XmlElement child = document->root().child("b");
    CHECK(child && child.text() == text && !child.next("b"));
}

void check(std::string_view xml) {
    check_text(xml);
    const Result<XmlDocument> document = XmlDocument::parse(xml, {.bytes = 4096});
    if (!document) return;
    CHECK(xml.size() <= 4096 && is_utf8_text(xml));
    CHECK(document->root() && document->root().name().find_first_of("<> ") == std::string::npos);
    CHECK(document->root().text().find('\0') == std::string::npos);
    const std::string commented = "<!-- - > & <b> -->" + std::string(xml);
    if (!xml.starts_with("<?xml") && !xml.starts_with("\xef\xbb\xbf")) {
        const Result<XmlDocument> again = XmlDocument::parse(commented);
        CHECK(again.has_value() && again->root().name() == document->root().name() &&
              again->root().text() == document->root().text());
    }
    check_complete(xml);
    check_delete(xml);
    check_settings(xml);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
