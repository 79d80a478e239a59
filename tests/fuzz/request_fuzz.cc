// Every generated request parser, on requests as the server reads them: what is accepted keeps the
// bounds that verbs rely on, and what is refused is told in XML that a client can read.

#include <algorithm>
#include <string>

#include "fuzz_input.h"
#include "request.h"
#include "s3/proto/error_reply.h"
#include "s3/proto/model_bucket.h"
#include "s3/proto/model_list.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/model_object.h"
#include "s3/proto/model_parse.h"
#include "s3/proto/operations.h"
#include "s3/proto/utf8.h"
#include "s3/proto/xml_reader.h"

namespace weir::s3 {
namespace {

// As service.cc tells it.
void check_told(const Error& error, const RequestView& view, std::string_view path) {
    const NamedText details[] = {{"BucketName", view.bucket}, {"Key", view.key}};
    const Reply reply = write_error(error, {.resource = path,
                                            .request_id = "0123456789ABCDEF",
                                            .host_id = "weir",
                                            .details = details});
    for (const auto& [name, value] : reply.headers)
        CHECK(!fuzz::has_control_character(name) && !fuzz::has_control_character(value));
    if (reply.body.empty()) return;
    const Result<XmlDocument> document = XmlDocument::parse(reply.body);
    CHECK(document.has_value());
    CHECK(document->root().child("Message").text() == error.message());
    CHECK(document->root().child("Resource").text() == path);
    CHECK(document->root().child("Key").text() == view.key);
}

template <typename Request>
void check_bounds(const Request& request, const RequestView& view) {
    if constexpr (requires { request.bucket; }) CHECK(request.bucket == view.bucket);
    if constexpr (requires { request.key; }) CHECK(request.key == view.key);
    if constexpr (requires { request.metadata; }) {
        std::size_t bytes = 0;
        for (const auto& [name, value] : request.metadata) {
            CHECK(!name.empty() && name == to_lower(name));
            CHECK(!fuzz::has_control_character(value));
            bytes += name.size() + value.size();
        }
        CHECK(bytes <= user_metadata_bytes_max + request.metadata.size());
    }
    if constexpr (requires { request.response_content_type; }) {
        CHECK(!fuzz::has_control_character(request.response_content_type.value_or("")));
        CHECK(!fuzz::has_control_character(request.response_content_disposition.value_or("")));
        CHECK(!fuzz::has_control_character(request.response_expires.value_or("")));
    }
}

template <typename Request>
void check_parse(const fuzz::Request& read) {
    const RequestView& view = read.view();
    const Result<Request> request = parse<Request>(view, read.body());
    if (request) {
        check_bounds(*request, view);
    } else {
        CHECK(info(request.error().code()).http_status >= 400);
        check_told(request.error(), view, read.target().path);
    }
}

template <typename... Requests>
void check_each(const fuzz::Request& read) {
    (check_parse<Requests>(read), ...);
}

void check(std::string_view input) {
    const std::unique_ptr<fuzz::Request> read = fuzz::Request::read(input);
    if (!read) return;
    const Result<Operation> operation = route(read->view());
    if (!operation) {
        check_told(operation.error(), read->view(), read->target().path);
        return;
    }
    if (!operation_info(*operation).implemented)
        check_told(not_implemented(*operation), read->view(), read->target().path);
    switch (*operation) {
#define WEIR_FUZZ(name)   \
    case Operation::name: \
        return check_parse<name##Request>(*read)
        WEIR_FUZZ(ListBuckets);
        WEIR_FUZZ(CreateBucket);
        WEIR_FUZZ(HeadBucket);
        WEIR_FUZZ(DeleteBucket);
        WEIR_FUZZ(GetBucketLocation);
        WEIR_FUZZ(GetBucketVersioning);
        WEIR_FUZZ(PutBucketVersioning);
        WEIR_FUZZ(PutObject);
        WEIR_FUZZ(GetObject);
        WEIR_FUZZ(HeadObject);
        WEIR_FUZZ(DeleteObject);
        WEIR_FUZZ(DeleteObjects);
        WEIR_FUZZ(CopyObject);
        WEIR_FUZZ(GetObjectAttributes);
        WEIR_FUZZ(RenameObject);
        WEIR_FUZZ(CreateMultipartUpload);
        WEIR_FUZZ(UploadPart);
        WEIR_FUZZ(UploadPartCopy);
        WEIR_FUZZ(CompleteMultipartUpload);
        WEIR_FUZZ(AbortMultipartUpload);
        WEIR_FUZZ(ListParts);
        WEIR_FUZZ(ListMultipartUploads);
        WEIR_FUZZ(ListObjects);
        WEIR_FUZZ(ListObjectsV2);
        WEIR_FUZZ(ListObjectVersions);
#undef WEIR_FUZZ
        default:
            // Whatever the words are, the parsers of the largest requests stand them.
            check_each<PutObjectRequest, CopyObjectRequest, CompleteMultipartUploadRequest>(*read);
    }
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
