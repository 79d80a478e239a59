// Signature Version 2, on requests as the server reads them: its own signature fits, and none that
// was made for a request that differs in what Version 2 signs.

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "hash/hmac.h"
#include "request.h"
#include "s3/proto/model_time.h"
#include "s3/proto/sigv2.h"

namespace weir::s3 {
namespace {

constexpr std::string_view secret = "a secret of nobody's";

std::string sign(const SignedRequest& request, const SignatureV2& signature,
                 std::string_view path) {
    return base64_encode(hash::hmac_sha1(secret, string_to_sign_v2(request, signature, path)));
}

// A moment at which the request is in time.
UnixNanos moment(const SignedRequest& request, const SignatureV2& signature) {
    if (signature.in_query) return 0;
    const std::string_view name = request.view.header("x-amz-date") ? "x-amz-date" : "date";
    return parse_date(request.view.header(name).value_or("")).value_or(0);
}

void check_changes(const SignedRequest& request, const SignatureV2& signature, UnixNanos now) {
    const auto expect_refused = [&](const SignedRequest& changed) {
        CHECK(!verify_v2(changed, signature, secret, now).has_value());
    };
    RequestView view = request.view;
    const SignedRequest changed{.view = view,
                                .path = request.path,
                                .raw_path = request.raw_path,
                                .bucket_in_host = request.bucket_in_host};
    const std::string method = std::string(view.method) + "X";
    view.method = method;
    expect_refused(changed);
    view.method = request.view.method;

    const std::string path = std::string(request.path) + "x",
                      raw_path = std::string(request.raw_path) + "x";
    expect_refused({.view = view,
                    .path = path,
                    .raw_path = raw_path,
                    .bucket_in_host = request.bucket_in_host});

    for (NamedText& header : view.headers) {
        const bool is_signed = starts_with_ignoring_case(header.name, "x-amz-") ||
                               equal_ignoring_case(header.name, "content-md5") ||
                               equal_ignoring_case(header.name, "content-type");
        if (!is_signed) continue;
        const std::string_view before = header.value;
        const std::string other = std::string(before) + "x";
        header.value = other;
        expect_refused(changed);
        header.value = before;
    }
    for (const std::string_view name : {"acl", "versionId", "uploadId", "uploads", "delete"}) {
        if (view.parameter(name)) continue;
        view.query.push_back({name, "1"});
        expect_refused(changed);
        view.query.pop_back();
    }
    view.headers.push_back({"x-amz-meta-unsigned", "1"});
    expect_refused(changed);
}

void check(std::string_view input) {
    const std::unique_ptr<fuzz::Request> read = fuzz::Request::read(input);
    if (!read) return;
    const SignedRequest request = read->to_be_signed();
    const Result<SignatureKind> kind = signature_kind(request.view);
    if (!kind || (*kind != SignatureKind::v2_header && *kind != SignatureKind::v2_query)) return;
    Result<SignatureV2> parsed = parse_signature_v2(request);
    if (!parsed) return;
    SignatureV2& signature = *parsed;
    CHECK(signature.in_query == (*kind == SignatureKind::v2_query));
    CHECK(!signature.access_key_id.empty());
    const UnixNanos now = moment(request, signature);
    CHECK(!verify_v2(request, signature, secret, now).has_value());

    const std::string bucket =
        request.bucket_in_host ? "/" + std::string(request.view.bucket) : std::string();
    signature.signature = sign(request, signature, bucket + std::string(request.raw_path));
    const Result<void> verified = verify_v2(request, signature, secret, now);
    if (verified) check_changes(request, signature, now);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
