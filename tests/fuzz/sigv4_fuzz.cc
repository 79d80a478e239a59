// Signature Version 4, on requests as the server reads them. Whatever the request is, its own
// signature fits it; and it fits no request that differs in something that a verb would act on.

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "hash/hmac.h"
#include "request.h"
#include "s3/proto/amz_date.h"
#include "s3/proto/sigv4.h"

namespace weir::s3 {
namespace {

const SigningKey key{.bytes = "a key of nobody's"};

bool is_digest(std::string_view text) {
    return text.size() == 64 &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void check_words(const SignatureV4& signature) {
    CHECK(!signature.access_key_id.empty() && !signature.region.empty());
    CHECK(is_digest(signature.signature));
    CHECK(signature.timestamp == format_amz_date(signature.time));
    CHECK(signature.timestamp.starts_with(signature.date) && signature.date.size() == 8);
    CHECK(signature.expires_s >= 0 && signature.expires_s <= 7 * 24 * 3600);
    CHECK(signature.in_query || signature.expires_s == 0);
    CHECK(is_digest(signature.payload_sha256) == (signature.payload == PayloadKind::sha256));
    for (const std::string& name : signature.signed_headers)
        CHECK(!name.empty() && name == to_lower(name));
}

bool is_signed(const SignatureV4& signature, std::string_view name) {
    return std::ranges::any_of(signature.signed_headers, [name](std::string_view signed_name) {
        return equal_ignoring_case(signed_name, name);
    });
}

std::string sign(const SignedRequest& request, const SignatureV4& signature,
                 std::string_view path) {
    return hex_encode(hash::hmac_sha256(
        key.bytes, string_to_sign_v4(signature, canonical_request_v4(request, signature, path))));
}

Result<void> verify(const SignedRequest& request, const SignatureV4& signature) {
    return verify_v4(request, signature, key, signature.time);
}

// One line for each of its parts, so that none can be taken for another.
void check_lines(const SignedRequest& request, const SignatureV4& signature) {
    const std::string text = canonical_request_v4(request, signature, request.raw_path);
    CHECK(static_cast<std::size_t>(std::ranges::count(text, '\n')) ==
          5 + signature.signed_headers.size());
    CHECK(text.find('\r') == std::string::npos && text.find('\0') == std::string::npos);
    CHECK(std::ranges::count(string_to_sign_v4(signature, text), '\n') == 3);
}

void expect_refused(const SignedRequest& request, const SignatureV4& signature) {
    CHECK(!verify(request, signature).has_value());
}

// Each thing that is signed, changed.
void check_changes(const SignedRequest& request, const SignatureV4& signature) {
    RequestView view = request.view;
    const SignedRequest changed{.view = view,
                                .path = request.path,
                                .raw_path = request.raw_path,
                                .bucket_in_host = request.bucket_in_host};
    const std::string method = std::string(view.method) + "X";
    view.method = method;
    expect_refused(changed, signature);
    view.method = request.view.method;

    const std::string path = std::string(request.path) + "x",
                      raw_path = std::string(request.raw_path) + "x";
    expect_refused({.view = view, .path = path, .raw_path = raw_path}, signature);

    for (NamedText& parameter : view.query) {
        if (parameter.name == "X-Amz-Signature") continue;
        const NamedText before = parameter;
        const std::string other = std::string(before.value) + "x";
        parameter.value = other;
        expect_refused(changed, signature);
        parameter = {.name = other, .value = before.value};
        expect_refused(changed, signature);
        parameter = before;
    }
    for (NamedText& header : view.headers) {
        if (!is_signed(signature, header.name)) continue;
        const std::string_view before = header.value;
        const std::string other = std::string(before) + "x";
        header.value = other;
        expect_refused(changed, signature);
        header.value = before;
    }
    view.query.push_back({"versionId", "1"});
    expect_refused(changed, signature);
    view.query.pop_back();
    view.headers.push_back({"x-amz-meta-unsigned", "1"});
    expect_refused(changed, signature);
}

// A payload that the signature names by its digest is that one.
void check_payload(const SignedRequest& request, const SignatureV4& signature) {
    const std::string text = canonical_request_v4(request, signature, request.raw_path);
    const std::string named = to_lower(text.substr(text.rfind('\n') + 1));
    if (!is_digest(named)) return;
    CHECK(signature.payload == PayloadKind::sha256 && signature.payload_sha256 == named);
}

void check(std::string_view input) {
    const std::unique_ptr<fuzz::Request> read = fuzz::Request::read(input);
    if (!read) return;
    const SignedRequest request = read->to_be_signed();
    const Result<SignatureKind> kind = signature_kind(request.view);
    if (!kind || (*kind != SignatureKind::v4_header && *kind != SignatureKind::v4_query)) return;
    Result<SignatureV4> parsed = parse_signature_v4(request);
    if (!parsed) return;
    SignatureV4& signature = *parsed;
    CHECK(signature.in_query == (*kind == SignatureKind::v4_query));
    check_words(signature);
    check_lines(request, signature);
    expect_refused(request, signature);

    const std::string encoded = percent_encode(request.path, /*keep_slash=*/true);
    for (const std::string_view path : {std::string_view(encoded), request.raw_path}) {
        signature.signature = sign(request, signature, path);
        const Result<void> verified = verify(request, signature);
        if (!verified) {
            CHECK(verified.error().code() == Code::access_denied ||
                  (verified.error().code() == Code::expired_presigned_request &&
                   signature.expires_s == 0));
            return;
        }
        CHECK(is_signed(signature, "host"));
        check_payload(request, signature);
        check_changes(request, signature);
    }
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
