#include "s3/server/call.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "s3/proto/uri.h"

namespace weir::s3 {

Result<store::Bucket> own_bucket(const Call& call, std::string_view name, store::Wait wait) {
    TRY(store::Bucket bucket, call.store.find_bucket(std::string(name), wait));
    if (bucket.owner != call.owner) return fail(Code::access_denied);
    return bucket;
}

Result<std::optional<meta::VersionName>> version_name(
    const std::optional<std::string>& version_id) {
    if (!version_id) return std::nullopt;
    std::optional<meta::VersionName> name = meta::parse_version_id(*version_id);
    if (!name) return fail(Code::invalid_argument, "Invalid version id specified");
    return name;
}

std::string quoted(std::string_view etag) { return fmt::format("\"{}\"", etag); }

std::string_view unquoted(std::string_view etag) {
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
        return etag.substr(1, etag.size() - 2);
    return etag;
}

std::string storage_class_name(const meta::ObjectHeaders& headers) {
    return headers.storage_class().empty() ? "STANDARD" : headers.storage_class();
}

std::optional<std::string> made_version_id(const meta::ObjectRecord& record) {
    if (record.null_version()) return std::nullopt;
    return meta::version_id(record);
}

std::optional<std::string> shown_version_id(const meta::ObjectRecord& record,
                                            meta::Versioning versioning) {
    if (versioning == meta::VERSIONING_UNSET) return std::nullopt;
    return meta::version_id(record);
}

std::string checksum_type_name(meta::ChecksumType type) {
    return type == meta::CHECKSUM_TYPE_COMPOSITE ? "COMPOSITE" : "FULL_OBJECT";
}

std::string checksum_text(const meta::Checksum& checksum, meta::ChecksumType type,
                          std::uint32_t parts_count) {
    std::string text = base64_encode(checksum.value());
    if (type == meta::CHECKSUM_TYPE_COMPOSITE && parts_count > 0)
        text += fmt::format("-{}", parts_count);
    return text;
}

void set_content_encoding(meta::ObjectHeaders& headers, std::string_view value) {
    std::string kept;
    while (!value.empty()) {
        const std::size_t comma = value.find(',');
        const std::string_view coding = trim_spaces(value.substr(0, comma));
        value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
        if (coding.empty() || equal_ignoring_case(coding, "aws-chunked")) continue;
        if (!kept.empty()) kept += ", ";
        kept += coding;
    }
    if (!kept.empty()) headers.set_content_encoding(kept);
}

Result<void> set_user_metadata(meta::ObjectHeaders& headers,
                               const std::map<std::string, std::string>& metadata) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : metadata) {
        bytes += name.size() + value.size();
        meta::NamedValue& kept = *headers.add_user_metadata();
        kept.set_name(name);
        kept.set_value(value);
    }
    if (bytes > user_metadata_bytes_max) return fail(Code::metadata_too_large);
    return {};
}

Owner owner_of(const store::Bucket& bucket) {
    return {.display_name = bucket.owner, .id = bucket.owner};
}

Result<ListEncoding> ListEncoding::from(const std::optional<std::string>& encoding_type) {
    if (encoding_type && *encoding_type != "url")
        return fail(Code::invalid_argument, "Invalid Encoding Method specified in Request");
    return ListEncoding(encoding_type.has_value());
}

std::string ListEncoding::operator()(std::string_view text) const {
    return url_ ? percent_encode(text, /*keep_slash=*/true) : std::string(text);
}

std::optional<std::string> ListEncoding::optional(const std::optional<std::string>& text) const {
    if (!text) return std::nullopt;
    return (*this)(*text);
}

Result<std::size_t> page_size(const std::optional<std::int64_t>& asked, std::string_view parameter,
                              std::size_t bound) {
    if (!asked) return bound;
    if (*asked < 0)
        return fail(
            Code::invalid_argument,
            fmt::format("Argument {} must be an integer between 0 and 2147483647", parameter));
    return std::min(static_cast<std::size_t>(*asked), bound);
}

Result<void> check_part_number(std::int64_t part_number) {
    if (part_number < 1 || part_number > static_cast<std::int64_t>(part_number_max))
        return fail(Code::invalid_argument,
                    "Part number must be an integer between 1 and 10000, inclusive");
    return {};
}

}  // namespace weir::s3
