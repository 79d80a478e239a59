#include "s3/proto/signed_request.h"

namespace weir::s3 {

Result<SignatureKind> signature_kind(const RequestView& view) {
    const std::string_view header = view.header("authorization").value_or("");
    const bool v4_query = view.parameter("X-Amz-Algorithm") || view.parameter("X-Amz-Signature");
    const bool v2_query = view.parameter("AWSAccessKeyId") || view.parameter("Signature");
    if ((header.empty() ? 0 : 1) + (v4_query ? 1 : 0) + (v2_query ? 1 : 0) > 1)
        return fail(Code::invalid_argument,
                    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                    "Signature query string parameter or the Authorization header should be "
                    "specified");
    if (v4_query) return SignatureKind::v4_query;
    if (v2_query) return SignatureKind::v2_query;
    if (header.empty()) return SignatureKind::none;
    const std::string_view scheme = header.substr(0, header.find(' '));
    if (scheme == "AWS4-HMAC-SHA256") return SignatureKind::v4_header;
    if (scheme == "AWS") return SignatureKind::v2_header;
    if (scheme == "AWS4-ECDSA-P256-SHA256")
        return fail(Code::not_implemented, "SigV4A, which signs with ECDSA, is not implemented.");
    return fail(Code::invalid_argument, "Unsupported Authorization Type");
}

std::optional<std::string> joined_header(const RequestView& view, std::string_view name) {
    std::optional<std::string> joined;
    for (const NamedText& header : view.headers) {
        if (!equal_ignoring_case(header.name, name)) continue;
        if (joined) {
            *joined += ',';
        } else {
            joined.emplace();
        }
        *joined += trim_spaces(header.value);
    }
    return joined;
}

std::string to_lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() &&
           equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace weir::s3
