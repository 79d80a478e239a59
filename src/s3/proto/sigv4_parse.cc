#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "s3/proto/amz_date.h"
#include "s3/proto/model_time.h"
#include "s3/proto/sigv4.h"

namespace weir::s3 {
namespace {

constexpr std::size_t signed_headers_max = 256;
constexpr std::int64_t presigned_seconds_max = 7 * 24 * 3600;

// The two forms fail with codes of their own.
Code malformed_code(const SignatureV4& signature) {
    return signature.in_query ? Code::authorization_query_parameters_error
                              : Code::authorization_header_malformed;
}
std::unexpected<Error> malformed(const SignatureV4& signature, std::string_view why) {
    return fail(malformed_code(signature),
                signature.in_query ? std::string(why)
                                   : fmt::format("The authorization header is malformed; {}", why));
}

bool is_lower_hex_digest(std::string_view text) {
    return text.size() == 64 && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

// What stays on the line of what is signed that it is written to: a presigned URL may hold
// anything.
bool is_visible_word(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// KEY/20130524/REGION/s3/aws4_request; only the key may hold slashes.
Result<void> set_credential(SignatureV4& signature, std::string_view credential) {
    std::array<std::string_view, 4> scope;  // from the right
    for (std::string_view& part : scope) {
        const std::size_t slash = credential.rfind('/');
        if (slash == std::string_view::npos)
            return malformed(signature,
                             "the Credential is mal-formed; expecting "
                             "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
        part = credential.substr(slash + 1);
        credential = credential.substr(0, slash);
    }
    const auto [terminal, service, region, date] = scope;
    if (terminal != "aws4_request")
        return malformed(signature, "incorrect terminal. This endpoint uses \"aws4_request\".");
    if (service != "s3")
        return malformed(signature, "incorrect service. This endpoint belongs to \"s3\".");
    if (credential.empty() || !is_visible_word(region) ||
        !parse_amz_date(fmt::format("{}T000000Z", date)))
        return malformed(signature,
                         "the Credential is mal-formed; expecting "
                         "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    signature.access_key_id = credential;
    signature.date = date;
    signature.region = region;
    return {};
}

Result<void> set_signed_headers(SignatureV4& signature, std::string_view list) {
    while (!list.empty()) {
        const std::size_t end = list.find(';');
        const std::string_view name = list.substr(0, end);
        list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
        if (!is_visible_word(name) || name.find(':') != std::string_view::npos ||
            signature.signed_headers.size() == signed_headers_max)
            return malformed(signature, "the SignedHeaders are mal-formed.");
        signature.signed_headers.push_back(to_lower(name));
    }
    return {};
}

Result<void> set_signature(SignatureV4& signature, std::string_view text) {
    if (!is_lower_hex_digest(text)) return fail(Code::signature_does_not_match);
    signature.signature = text;
    return {};
}

Result<void> set_timestamp(SignatureV4& signature, std::optional<UnixNanos> time) {
    if (!time)
        return fail(Code::access_denied,
                    "AWS authentication requires a valid Date or x-amz-date header");
    signature.time = *time;
    signature.timestamp = format_amz_date(*time);
    if (!signature.timestamp.starts_with(signature.date))
        return malformed(
            signature,
            fmt::format(
                "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
                signature.date, signature.timestamp.substr(0, 8)));
    return {};
}

Result<void> set_payload(SignatureV4& signature, std::string_view text) {
    constexpr std::array<std::pair<std::string_view, PayloadKind>, 4> kinds{{
        {"UNSIGNED-PAYLOAD", PayloadKind::unsigned_payload},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadKind::signed_chunks},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadKind::signed_chunks_trailer},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadKind::unsigned_chunks_trailer},
    }};
    const auto found =
        std::ranges::find(kinds, text, &std::pair<std::string_view, PayloadKind>::first);
    if (found != kinds.end()) {
        signature.payload = found->second;
        return {};
    }
    std::string digest = to_lower(text);
    if (!is_lower_hex_digest(digest))
        return fail(Code::invalid_argument,
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                    "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.");
    signature.payload = PayloadKind::sha256;
    signature.payload_sha256 = std::move(digest);
    return {};
}

struct AuthorizationFields {
    std::optional<std::string_view> credential, signed_headers, signature;
};

// "Credential=..., SignedHeaders=..., Signature=..." in any order.
std::optional<AuthorizationFields> split_authorization(std::string_view text) {
    AuthorizationFields fields;
    while (!text.empty()) {
        const std::size_t end = text.find(',');
        const std::string_view field = trim_spaces(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        const std::size_t equals = field.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const std::string_view name = field.substr(0, equals);
        std::optional<std::string_view>* place = name == "Credential"      ? &fields.credential
                                                 : name == "SignedHeaders" ? &fields.signed_headers
                                                 : name == "Signature"     ? &fields.signature
                                                                           : nullptr;
        if (place == nullptr || place->has_value()) return std::nullopt;
        *place = field.substr(equals + 1);
    }
    if (!fields.credential || !fields.signed_headers || !fields.signature) return std::nullopt;
    return fields;
}

// x-amz-date in SigV4's form, or else Date as HTTP writes it.
std::optional<UnixNanos> header_time(const RequestView& view) {
    if (const auto amz_date = view.header("x-amz-date"); amz_date && !amz_date->empty())
        return parse_amz_date(*amz_date);
    const std::string_view date = view.header("date").value_or("");
    const std::optional<UnixNanos> time = parse_amz_date(date);
    return time ? time : parse_date(date);
}

Result<SignatureV4> parse_header(const RequestView& view) {
    constexpr std::string_view scheme = "AWS4-HMAC-SHA256 ";
    SignatureV4 signature;
    const std::string_view header = view.header("authorization").value_or("");
    const std::optional<AuthorizationFields> fields =
        header.starts_with(scheme) ? split_authorization(header.substr(scheme.size()))
                                   : std::nullopt;
    if (!fields)
        return malformed(
            signature,
            "it needs a Credential, SignedHeaders and a Signature, separated by commas.");
    TRY_VOID(set_credential(signature, *fields->credential));
    TRY_VOID(set_signed_headers(signature, *fields->signed_headers));
    TRY_VOID(set_signature(signature, *fields->signature));
    TRY_VOID(set_timestamp(signature, header_time(view)));
    const std::optional<std::string_view> payload = view.header("x-amz-content-sha256");
    if (!payload)
        return fail(Code::missing_security_header,
                    "Missing required header for this request: x-amz-content-sha256");
    TRY_VOID(set_payload(signature, *payload));
    return signature;
}

// Out of range is 403 to Ceph and its test suite, 400 to AWS; nobody is served either way.
Result<void> set_expires(SignatureV4& signature, std::string_view text) {
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), signature.expires_s);
    if (error == std::errc::result_out_of_range ||
        (error == std::errc() && signature.expires_s > presigned_seconds_max))
        return fail(Code::access_denied,
                    "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                    "X-Amz-Expires must be less than 604800 seconds");
    if (error != std::errc() || end != text.data() + text.size())
        return malformed(signature, "X-Amz-Expires should be a number");
    if (signature.expires_s < 0)
        return fail(Code::access_denied, "X-Amz-Expires must be non-negative");
    return {};
}

// What the signature vouches for, as verify_v4 reads it. Only where that leaves the payload open
// may a header that came later say how it is sent.
std::string_view presigned_payload(const RequestView& view, const SignatureV4& signature) {
    constexpr std::string_view name = "x-amz-content-sha256", open = "UNSIGNED-PAYLOAD";
    const std::optional<std::string_view> header = view.header(name);
    const std::string_view parameter = view.parameter("X-Amz-Content-Sha256").value_or(open);
    const bool header_counts =
        header && (parameter == open || std::ranges::find(signature.signed_headers, name) !=
                                            signature.signed_headers.end());
    return header_counts ? *header : parameter;
}

Result<SignatureV4> parse_query(const RequestView& view) {
    SignatureV4 signature;
    signature.in_query = true;
    const auto algorithm = view.parameter("X-Amz-Algorithm");
    const auto credential = view.parameter("X-Amz-Credential");
    const auto text = view.parameter("X-Amz-Signature");
    const auto date = view.parameter("X-Amz-Date");
    const auto signed_headers = view.parameter("X-Amz-SignedHeaders");
    const auto expires = view.parameter("X-Amz-Expires");
    if (!algorithm || !credential || !text || !date || !signed_headers || !expires)
        return malformed(signature,
                         "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                         "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                         "X-Amz-Expires parameters.");
    // The one parameter that the signature does not cover.
    if (std::ranges::count(view.query, "X-Amz-Signature", &NamedText::name) > 1)
        return malformed(signature, "X-Amz-Signature must be there once");
    if (*algorithm != "AWS4-HMAC-SHA256")
        return malformed(signature, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    TRY_VOID(set_credential(signature, *credential));
    TRY_VOID(set_signed_headers(signature, *signed_headers));
    TRY_VOID(set_signature(signature, *text));
    const std::optional<UnixNanos> time = parse_amz_date(*date);
    if (!time)
        return malformed(signature,
                         "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    TRY_VOID(set_timestamp(signature, time));
    TRY_VOID(set_expires(signature, *expires));
    TRY_VOID(set_payload(signature, presigned_payload(view, signature)));
    return signature;
}

}  // namespace

Result<SignatureV4> parse_signature_v4(const SignedRequest& request) {
    TRY(const SignatureKind kind, signature_kind(request.view));
    // Weir gives out no session tokens, so none is valid.
    if (request.view.header("x-amz-security-token") ||
        request.view.parameter("X-Amz-Security-Token"))
        return fail(Code::invalid_token);
    return kind == SignatureKind::v4_query ? parse_query(request.view) : parse_header(request.view);
}

}  // namespace weir::s3
