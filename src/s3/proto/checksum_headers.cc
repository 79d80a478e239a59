#include "s3/proto/checksum_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/check.h"

namespace weir::s3 {
namespace {

constexpr std::string_view checksum_prefix = "x-amz-checksum-";
// Of the family by name, but no checksums themselves.
constexpr std::array<std::string_view, 3> not_values{"x-amz-checksum-algorithm",
                                                     "x-amz-checksum-type", "x-amz-checksum-mode"};

std::unexpected<Error> multiple_checksums() {
    return fail(
        Code::invalid_request,
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
}

std::optional<std::string> decode_checksum(hash::Algorithm algorithm, std::string_view text) {
    std::optional<std::string> raw = base64_decode(text);
    if (raw && raw->size() != hash::info(algorithm).digest_bytes) raw.reset();
    return raw;
}

Result<void> choose(BodyChecks& checks, std::string_view header) {
    const std::optional<hash::Algorithm> algorithm = hash::algorithm_by_header(header);
    if (!algorithm)
        return fail(Code::invalid_request,
                    fmt::format("The checksum algorithm of {} is not supported.", header));
    if (checks.checksum) return multiple_checksums();
    checks.checksum = *algorithm;
    checks.algorithms.insert(*algorithm);
    return {};
}

Result<void> read_value_headers(const RequestView& view, BodyChecks& checks) {
    for (const NamedText& header : view.headers) {
        const std::string name = to_lower(header.name);
        if (!name.starts_with(checksum_prefix) ||
            std::ranges::find(not_values, name) != not_values.end())
            continue;
        TRY_VOID(choose(checks, name));
        checks.expected_checksum = decode_checksum(*checks.checksum, trim_spaces(header.value));
        if (!checks.expected_checksum)
            return fail(Code::checksum_mismatch,
                        fmt::format("Value for {} header is invalid.", name));
    }
    return {};
}

Result<void> read_trailer_names(const RequestView& view, bool has_trailer, BodyChecks& checks) {
    const std::optional<std::string> names = joined_header(view, "x-amz-trailer");
    if (!names) return {};
    if (!has_trailer)
        return fail(Code::invalid_request,
                    "x-amz-trailer needs an x-amz-content-sha256 that ends in -TRAILER.");
    std::string_view rest = *names;
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        const std::string_view name = trim_spaces(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        if (name.empty()) continue;
        if (!hash::algorithm_by_header(name))
            return fail(Code::invalid_request,
                        "The value specified in the x-amz-trailer header is not supported");
        TRY_VOID(choose(checks, name));
        checks.checksum_in_trailer = true;
    }
    return {};
}

Result<void> check_sdk_algorithm(const RequestView& view, const BodyChecks& checks) {
    const std::optional<std::string_view> name = view.header("x-amz-sdk-checksum-algorithm");
    if (!name) return {};
    const std::optional<hash::Algorithm> algorithm = hash::algorithm_by_name(*name);
    if (!algorithm || (checks.checksum && checks.checksum != algorithm))
        return fail(Code::invalid_request,
                    "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    if (!checks.checksum)
        return fail(Code::invalid_request,
                    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* "
                    "or x-amz-trailer headers were found.");
    return {};
}

Result<std::string> trailer_checksum(hash::Algorithm algorithm, const Trailers& trailers) {
    const std::string_view name = hash::info(algorithm).header;
    const auto found = std::ranges::find(trailers, name, &Trailers::value_type::first);
    if (found == trailers.end())
        return fail(Code::invalid_request, fmt::format("The trailer {} is missing.", name));
    std::optional<std::string> raw = decode_checksum(algorithm, found->second);
    if (!raw)
        return fail(Code::checksum_mismatch,
                    fmt::format("Value for {} trailing header is invalid.", name));
    return *std::move(raw);
}

const std::string& computed(const hash::Digests& digests, hash::Algorithm algorithm) {
    CHECK(digests[algorithm].has_value());
    return *digests[algorithm];
}

}  // namespace

Result<BodyChecks> parse_body_checks(const RequestView& view, std::string_view payload_sha256,
                                     bool has_trailer) {
    BodyChecks checks;
    if (!payload_sha256.empty()) {
        checks.expected_sha256 = hex_decode(payload_sha256);
        CHECK(checks.expected_sha256.has_value());
        checks.algorithms.insert(hash::Algorithm::sha256);
    }
    if (const std::optional<std::string_view> md5 = view.header("content-md5")) {
        checks.expected_md5 = decode_checksum(hash::Algorithm::md5, *md5);
        if (!checks.expected_md5)
            return fail(Code::invalid_digest, "The Content-MD5 you specified was invalid.");
        checks.algorithms.insert(hash::Algorithm::md5);
    }
    TRY_VOID(read_value_headers(view, checks));
    TRY_VOID(read_trailer_names(view, has_trailer, checks));
    TRY_VOID(check_sdk_algorithm(view, checks));
    return checks;
}

Result<void> verify_body(const BodyChecks& checks, const hash::Digests& digests,
                         const Trailers& trailers) {
    using hash::Algorithm;
    if (checks.expected_sha256 && *checks.expected_sha256 != computed(digests, Algorithm::sha256))
        return fail(Code::content_sha256_mismatch);
    if (checks.expected_md5 && *checks.expected_md5 != computed(digests, Algorithm::md5))
        return fail(Code::bad_digest,
                    "The Content-MD5 you specified did not match what we received.");
    if (!checks.checksum) return {};
    std::optional<std::string> expected = checks.expected_checksum;
    if (checks.checksum_in_trailer) {
        TRY(expected, trailer_checksum(*checks.checksum, trailers));
    }
    if (expected != computed(digests, *checks.checksum))
        return fail(Code::checksum_mismatch,
                    fmt::format("The {} you specified did not match the calculated checksum.",
                                hash::info(*checks.checksum).name));
    return {};
}

}  // namespace weir::s3
