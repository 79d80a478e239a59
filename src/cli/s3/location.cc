#include "cli/s3/location.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace weir::cli {
namespace {

constexpr std::string_view scheme = "s3://";

}  // namespace

std::string s3_text(std::string_view bucket, std::string_view key) {
    return fmt::format("s3://{}/{}", bucket, key);
}

std::string Location::text() const {
    if (kind == Kind::s3) return s3_text(bucket, key);
    return kind == Kind::stream ? "-" : path;
}

Result<Location> parse_location(std::string_view text) {
    if (text.empty()) return fail(Code::invalid_argument, "an empty name is no place");
    if (text == "-") return Location{.kind = Location::Kind::stream};
    if (!text.starts_with(scheme))
        return Location{.kind = Location::Kind::local, .path = std::string(text)};
    const std::string_view rest = text.substr(scheme.size());
    const std::size_t slash = rest.find('/');
    const std::string_view bucket = rest.substr(0, slash);
    if (bucket.empty())
        return fail(Code::invalid_argument,
                    fmt::format("{} names no bucket; write s3://BUCKET/KEY", text));
    const std::string_view key =
        slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (key.size() > key_bytes_max)
        return fail(Code::key_too_long, fmt::format("a key has at most {} bytes", key_bytes_max));
    return Location{
        .kind = Location::Kind::s3, .bucket = std::string(bucket), .key = std::string(key)};
}

std::string folder_prefix(std::string key) {
    if (!key.empty() && !key.ends_with('/')) key += '/';
    return key;
}

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace weir::cli
