#include "s3/proto/sign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "hash/hmac.h"
#include "s3/proto/uri.h"

namespace weir::s3 {
namespace {

constexpr std::array<std::string_view, 8> unsigned_headers{
    "authorization", "connection",        "content-length", "expect", "te",
    "trailer",       "transfer-encoding", "user-agent",
};

std::vector<std::string> signed_headers(const RequestView& view) {
    std::vector<std::string> names;
    for (const NamedText& header : view.headers)
        if (is_signed_header(header.name)) names.push_back(to_lower(header.name));
    std::ranges::sort(names);
    const auto repeated = std::ranges::unique(names);
    names.erase(repeated.begin(), repeated.end());
    return names;
}

}  // namespace

bool is_signed_header(std::string_view name) {
    return std::ranges::none_of(unsigned_headers, [name](std::string_view other) {
        return equal_ignoring_case(name, other);
    });
}

std::string authorization_v4(const SignedRequest& request, std::string_view access_key_id,
                             std::string_view region, std::string_view timestamp,
                             const SigningKey& key) {
    SignatureV4 signature;
    signature.date = timestamp.substr(0, 8);
    signature.region = region;
    signature.timestamp = timestamp;
    signature.signed_headers = signed_headers(request.view);
    const std::string canonical =
        canonical_request_v4(request, signature, percent_encode(request.path, /*keep_slash=*/true));
    return fmt::format(
        "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}", access_key_id,
        signature.scope(), fmt::join(signature.signed_headers, ";"),
        hex_encode(hash::hmac_sha256(key.bytes, string_to_sign_v4(signature, canonical))));
}

}  // namespace weir::s3
