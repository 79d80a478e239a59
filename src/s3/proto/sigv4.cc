#include "s3/proto/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "hash/hmac.h"
#include "s3/proto/uri.h"

namespace weir::s3 {
namespace {

constexpr UnixNanos skew_max = 15 * 60 * nanos_per_second;

// Sorted by name, then value, both in SigV4's encoding; of a presigned request without its
// signature.
std::string canonical_query(const SignedRequest& request, const SignatureV4& signature) {
    std::vector<std::pair<std::string, std::string>> pairs;
    pairs.reserve(request.view.query.size());
    for (const NamedText& parameter : request.view.query) {
        if (signature.in_query && parameter.name == "X-Amz-Signature") continue;
        pairs.emplace_back(percent_encode(parameter.name, /*keep_slash=*/false),
                           percent_encode(parameter.value, /*keep_slash=*/false));
    }
    std::ranges::sort(pairs);
    std::string out;
    for (const auto& [name, value] : pairs) {
        if (!out.empty()) out += '&';
        out += name;
        out += '=';
        out += value;
    }
    return out;
}

// Trimmed, inner runs of spaces as one.
void append_canonical_value(std::string& out, std::string_view value) {
    bool space = false;
    for (const char c : trim_spaces(value)) {
        if (c == ' ' && space) continue;
        space = c == ' ';
        out += c;
    }
}

// A header that is signed and not there counts as empty, as at AWS.
void append_canonical_header(std::string& out, const RequestView& view, std::string_view name) {
    out += name;
    out += ':';
    bool first = true;
    for (const NamedText& header : view.headers) {
        if (!equal_ignoring_case(header.name, name)) continue;
        if (!first) out += ',';
        first = false;
        append_canonical_value(out, header.value);
    }
    out += '\n';
}

bool is_signed(const SignatureV4& signature, std::string_view name) {
    return std::ranges::any_of(signature.signed_headers, [name](const std::string& signed_name) {
        return equal_ignoring_case(signed_name, name);
    });
}

// The last line of the canonical request. A presigned request signs a payload that it names in its
// query or in a signed header; otherwise the header came later and says only how the body is sent.
std::string_view payload_text(const SignedRequest& request, const SignatureV4& signature) {
    const std::optional<std::string_view> header = request.view.header("x-amz-content-sha256");
    if (!signature.in_query) return header.value_or("");
    if (header && is_signed(signature, "x-amz-content-sha256")) return *header;
    return request.view.parameter("X-Amz-Content-Sha256").value_or("UNSIGNED-PAYLOAD");
}

// x-amz-cf-id is CloudFront's own. x-amz-content-sha256 is signed with the canonical request's last
// line, or was added to a presigned URL by whoever uses it.
bool must_be_signed(std::string_view name) {
    return equal_ignoring_case(name, "host") ||
           (starts_with_ignoring_case(name, "x-amz-") &&
            !equal_ignoring_case(name, "x-amz-cf-id") &&
            !equal_ignoring_case(name, "x-amz-content-sha256"));
}

Result<void> check_everything_is_signed(const SignedRequest& request,
                                        const SignatureV4& signature) {
    if (!is_signed(signature, "host"))
        return fail(Code::access_denied,
                    "There were headers present in the request which were not signed: host");
    for (const NamedText& header : request.view.headers) {
        if (must_be_signed(header.name) && !is_signed(signature, header.name))
            return fail(
                Code::access_denied,
                fmt::format("There were headers present in the request which were not signed: {}",
                            to_lower(header.name)));
    }
    return {};
}

Result<void> check_time(const SignatureV4& signature, UnixNanos now) {
    if (!signature.in_query) {
        const UnixNanos skew = now > signature.time ? now - signature.time : signature.time - now;
        if (skew > skew_max) return fail(Code::request_time_too_skewed);
        return {};
    }
    if (signature.time > now + skew_max)
        return fail(Code::access_denied, "Request is not yet valid");
    if (now >= signature.time + static_cast<UnixNanos>(signature.expires_s) * nanos_per_second)
        return fail(Code::expired_presigned_request);
    return {};
}

}  // namespace

std::string SignatureV4::scope() const {
    return fmt::format("{}/{}/s3/aws4_request", date, region);
}

SigningKey derive_signing_key(std::string_view secret, std::string_view date,
                              std::string_view region) {
    std::string key = hash::hmac_sha256("AWS4" + std::string(secret), date);
    for (const std::string_view part :
         {region, std::string_view("s3"), std::string_view("aws4_request")})
        key = hash::hmac_sha256(key, part);
    return {.bytes = std::move(key)};
}

std::string canonical_request_v4(const SignedRequest& request, const SignatureV4& signature,
                                 std::string_view path) {
    std::string out =
        fmt::format("{}\n{}\n{}\n", request.view.method, path, canonical_query(request, signature));
    for (const std::string& name : signature.signed_headers)
        append_canonical_header(out, request.view, name);
    out += fmt::format("\n{}\n{}", fmt::join(signature.signed_headers, ";"),
                       payload_text(request, signature));
    return out;
}

std::string string_to_sign_v4(const SignatureV4& signature, std::string_view canonical_request) {
    return fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", signature.timestamp, signature.scope(),
                       hash::sha256_hex(canonical_request));
}

Result<void> verify_v4(const SignedRequest& request, const SignatureV4& signature,
                       const SigningKey& key, UnixNanos now) {
    TRY_VOID(check_time(signature, now));
    TRY_VOID(check_everything_is_signed(request, signature));
    const auto matches = [&](std::string_view path) {
        const std::string canonical = canonical_request_v4(request, signature, path);
        return equal_constant_time(
            hex_encode(hash::hmac_sha256(key.bytes, string_to_sign_v4(signature, canonical))),
            signature.signature);
    };
    // SDKs sign S3's encoding of the path; some clients sign the encoding that they send. Both
    // decode to the path that is served.
    const std::string path = percent_encode(request.path, /*keep_slash=*/true);
    if (matches(path) || (request.raw_path != path && matches(request.raw_path))) return {};
    return fail(Code::signature_does_not_match);
}

}  // namespace weir::s3
