#include "s3/proto/sigv2.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "hash/hmac.h"
#include "s3/proto/model_time.h"
#include "s3/proto/uri.h"

namespace weir::s3 {
namespace {

constexpr UnixNanos skew_max = 15 * 60 * nanos_per_second;

// The parameters that are part of what is signed; those of AWS and botocore, sorted.
constexpr std::array<std::string_view, 35> sub_resources{"accelerate",
                                                         "acl",
                                                         "analytics",
                                                         "cors",
                                                         "defaultObjectAcl",
                                                         "delete",
                                                         "inventory",
                                                         "lifecycle",
                                                         "location",
                                                         "logging",
                                                         "metrics",
                                                         "notification",
                                                         "object-lock",
                                                         "partNumber",
                                                         "policy",
                                                         "replication",
                                                         "requestPayment",
                                                         "response-cache-control",
                                                         "response-content-disposition",
                                                         "response-content-encoding",
                                                         "response-content-language",
                                                         "response-content-type",
                                                         "response-expires",
                                                         "restore",
                                                         "select",
                                                         "select-type",
                                                         "storageClass",
                                                         "tagging",
                                                         "torrent",
                                                         "uploadId",
                                                         "uploads",
                                                         "versionId",
                                                         "versioning",
                                                         "versions",
                                                         "website"};
static_assert(std::ranges::is_sorted(sub_resources));

// Of a presigned URL, botocore puts the headers that it signed into the query.
std::string header_or_parameter(const SignedRequest& request, const SignatureV2& signature,
                                std::string_view name) {
    if (std::optional<std::string> header = joined_header(request.view, name)) return *header;
    if (signature.in_query) return std::string(request.view.parameter(name).value_or(""));
    return {};
}

std::string canonical_amz_headers(const SignedRequest& request, const SignatureV2& signature) {
    std::map<std::string, std::string> headers;
    for (const NamedText& header : request.view.headers) {
        std::string name = to_lower(header.name);
        if (!name.starts_with("x-amz-")) continue;
        const auto [place, is_new] = headers.try_emplace(std::move(name));
        if (!is_new) place->second += ',';
        place->second += trim_spaces(header.value);
    }
    if (signature.in_query) {
        for (const NamedText& parameter : request.view.query) {
            if (parameter.name.starts_with("x-amz-"))
                headers.try_emplace(std::string(parameter.name), trim_spaces(parameter.value));
        }
    }
    std::string out;
    for (const auto& [name, value] : headers) out += fmt::format("{}:{}\n", name, value);
    return out;
}

std::string canonical_query(const RequestView& view) {
    std::vector<std::string> chosen;
    for (const NamedText& parameter : view.query) {
        if (!std::ranges::binary_search(sub_resources, parameter.name)) continue;
        chosen.emplace_back(parameter.name);
        if (!parameter.value.empty()) chosen.back() += fmt::format("={}", parameter.value);
    }
    std::ranges::sort(chosen, [](std::string_view a, std::string_view b) {
        return a.substr(0, a.find('=')) < b.substr(0, b.find('='));
    });
    return chosen.empty() ? std::string() : fmt::format("?{}", fmt::join(chosen, "&"));
}

bool is_sub_resource(std::string_view parameter) {
    return std::ranges::binary_search(sub_resources, parameter.substr(0, parameter.find('=')));
}

// Values are signed as they are, so one that holds "&versionId=..." reads like two parameters.
bool is_ambiguous(const RequestView& view) {
    for (const NamedText& parameter : view.query) {
        if (!std::ranges::binary_search(sub_resources, parameter.name)) continue;
        for (std::size_t at = parameter.value.find('&'); at != std::string_view::npos;
             at = parameter.value.find('&', at + 1)) {
            const std::string_view rest = parameter.value.substr(at + 1);
            if (is_sub_resource(rest.substr(0, rest.find('&')))) return true;
        }
    }
    return false;
}

bool has_amz_date(const SignedRequest& request) {
    return request.view.header("x-amz-date").has_value();
}

std::string date_line(const SignedRequest& request, const SignatureV2& signature) {
    if (signature.in_query) return std::string(request.view.parameter("Expires").value_or(""));
    if (has_amz_date(request)) return {};
    return std::string(request.view.header("date").value_or(""));
}

// HTTP dates past the range of our clock, "Tue, 07 Jul 9999 21:53:04 GMT": too far off, not
// unreadable.
bool is_past_all_clocks(std::string_view date) {
    const std::size_t year = 12;
    if (date.size() != 29 || date.substr(year, 4) < "2262") return false;
    std::string within(date);
    within.replace(year, 4, "2200");
    return parse_date(within).has_value();
}

Result<void> check_time(const SignedRequest& request, const SignatureV2& signature, UnixNanos now) {
    if (signature.in_query) {
        if (static_cast<std::int64_t>(now / nanos_per_second) >= signature.expires_s)
            return fail(Code::expired_presigned_request);
        return {};
    }
    const std::string_view date =
        request.view.header(has_amz_date(request) ? "x-amz-date" : "date").value_or("");
    const std::optional<UnixNanos> time = parse_date(date);
    if (!time && !is_past_all_clocks(date))
        return fail(Code::access_denied,
                    "AWS authentication requires a valid Date or x-amz-date header");
    if (!time || (now > *time ? now - *time : *time - now) > skew_max)
        return fail(Code::request_time_too_skewed);
    return {};
}

Result<SignatureV2> parse_query(const RequestView& view) {
    const auto access_key_id = view.parameter("AWSAccessKeyId");
    const auto text = view.parameter("Signature");
    const auto expires = view.parameter("Expires");
    if (!access_key_id || !text || !expires || access_key_id->empty())
        return fail(
            Code::access_denied,
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters");
    SignatureV2 signature{.in_query = true,
                          .access_key_id = std::string(*access_key_id),
                          .signature = std::string(*text)};
    const char* end = expires->data() + expires->size();
    const auto [stop, error] = std::from_chars(expires->data(), end, signature.expires_s);
    if (error != std::errc() || stop != end)
        return fail(Code::access_denied,
                    fmt::format("Invalid date (should be seconds since epoch): {}", *expires));
    return signature;
}

Result<SignatureV2> parse_header(const RequestView& view) {
    constexpr std::string_view scheme = "AWS ";
    const std::string_view header = view.header("authorization").value_or("");
    const std::string_view pair =
        header.starts_with(scheme) ? trim_spaces(header.substr(scheme.size())) : std::string_view();
    const std::size_t colon = pair.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == pair.size())
        return fail(Code::invalid_argument,
                    "AWS authorization header is invalid. Expected AwsAccessKeyId:signature");
    return SignatureV2{.access_key_id = std::string(pair.substr(0, colon)),
                       .signature = std::string(pair.substr(colon + 1))};
}

}  // namespace

Result<SignatureV2> parse_signature_v2(const SignedRequest& request) {
    TRY(const SignatureKind kind, signature_kind(request.view));
    if (request.view.header("x-amz-security-token") ||
        request.view.parameter("x-amz-security-token"))
        return fail(Code::invalid_token);
    return kind == SignatureKind::v2_query ? parse_query(request.view) : parse_header(request.view);
}

std::string string_to_sign_v2(const SignedRequest& request, const SignatureV2& signature,
                              std::string_view path) {
    return fmt::format("{}\n{}\n{}\n{}\n{}{}{}", request.view.method,
                       header_or_parameter(request, signature, "content-md5"),
                       header_or_parameter(request, signature, "content-type"),
                       date_line(request, signature), canonical_amz_headers(request, signature),
                       path, canonical_query(request.view));
}

Result<void> verify_v2(const SignedRequest& request, const SignatureV2& signature,
                       std::string_view secret, UnixNanos now) {
    TRY_VOID(check_time(request, signature, now));
    if (is_ambiguous(request.view)) return fail(Code::signature_does_not_match);
    const std::string bucket =
        request.bucket_in_host ? "/" + std::string(request.view.bucket) : std::string();
    const auto matches = [&](std::string_view path) {
        const std::string text = string_to_sign_v2(request, signature, bucket + std::string(path));
        return equal_constant_time(base64_encode(hash::hmac_sha1(secret, text)),
                                   signature.signature);
    };
    // What the client sent, or S3's encoding of it where something between changed the spelling;
    // and botocore signs a bucket with a slash that it does not send.
    const std::string path = percent_encode(request.path, /*keep_slash=*/true);
    const bool bare_bucket = request.view.key.empty() && !request.raw_path.ends_with('/');
    if (matches(request.raw_path) || (path != request.raw_path && matches(path)) ||
        (bare_bucket && matches(path + "/")))
        return {};
    return fail(Code::signature_does_not_match);
}

}  // namespace weir::s3
