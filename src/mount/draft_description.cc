#include "mount/draft_description.h"

#include <string_view>
#include <utility>

#include "base/number.h"

namespace weir::mount {
namespace {

constexpr std::string_view metadata_prefix = "meta-";

using Fields = std::vector<std::pair<std::string, std::string>>;

// One name, and where its value is kept while it is read.
Result<void> read_field(DraftDescription& description, ObjectVersion& base, const std::string& name,
                        const std::string& value) {
    client::ObjectHeaders& headers = description.metadata.headers;
    if (name.starts_with(metadata_prefix)) {
        headers.metadata[name.substr(metadata_prefix.size())] = value;
        return {};
    }
    if (name == "content-type") headers.content_type = value;
    if (name == "content-encoding") headers.content_encoding = value;
    if (name == "cache-control") headers.cache_control = value;
    if (name == "content-disposition") headers.content_disposition = value;
    if (name == "base-version") base.version_id = value;
    if (name == "replaces") description.replaces = value;
    if (name == "moving-to") description.moving_to = value;
    if (name == "removing") description.removing = true;
    if (name == "problem") description.problem = value;
    if (name == "headers-unknown") description.metadata.headers_known = false;
    if (name != "base-bytes" && name != "base-valid-bytes") return {};
    const std::optional<std::uint64_t> bytes = parse_number(value);
    if (!bytes) return fail(Code::corrupt, "a written file's description has a size that is none");
    (name == "base-bytes" ? base.bytes : description.base_valid_bytes) = *bytes;
    return {};
}

}  // namespace

Result<cache::WriteInfo> write_info(const DraftDescription& description) {
    TRY(const client::ObjectHeaders headers, object_headers(description.metadata));
    Fields fields;
    const auto add = [&](std::string name, const std::string& value) {
        if (!value.empty()) fields.emplace_back(std::move(name), value);
    };
    for (const auto& [name, value] : headers.metadata)
        fields.emplace_back(std::string(metadata_prefix) + name, value);
    add("content-type", headers.content_type);
    add("content-encoding", headers.content_encoding);
    add("cache-control", headers.cache_control);
    add("content-disposition", headers.content_disposition);
    if (description.base) {
        add("base-version", description.base->version_id);
        add("base-bytes", std::to_string(description.base->bytes));
        add("base-valid-bytes", std::to_string(description.base_valid_bytes));
    }
    add("replaces", description.replaces);
    add("moving-to", description.moving_to);
    if (description.removing) add("removing", "1");
    add("problem", description.problem);
    if (!description.metadata.headers_known) add("headers-unknown", "1");
    return cache::WriteInfo{.endpoint = description.endpoint,
                            .bucket = description.bucket,
                            .key = description.key,
                            .base_etag = description.base ? description.base->etag : "",
                            .metadata = std::move(fields),
                            .created_at = description.created_at};
}

Result<DraftDescription> read_description(const cache::WriteInfo& info) {
    if (info.key.empty() || info.bucket.empty())
        return fail(Code::corrupt, "a written file's description names no object");
    DraftDescription description{.endpoint = info.endpoint,
                                 .bucket = info.bucket,
                                 .key = info.key,
                                 .created_at = info.created_at};
    ObjectVersion base{.etag = info.base_etag};
    for (const auto& [name, value] : info.metadata)
        TRY_VOID(read_field(description, base, name, value));
    if (base.etag.empty()) base.bytes = 0;
    if (description.base_valid_bytes > base.bytes)
        return fail(Code::corrupt, "a written file's description says more of its base than is");
    if (!base.etag.empty()) description.base = std::move(base);
    // The times are those of the metadata, or of when it was made.
    description.metadata.attributes =
        attributes_of(description.metadata.headers.metadata, Kind::file, info.created_at, {});
    description.metadata.mtime_given = description.metadata.headers.metadata.contains("mtime");
    return description;
}

Result<client::ObjectHeaders> object_headers(const DraftMetadata& metadata) {
    client::ObjectHeaders headers = metadata.headers;
    TRY(headers.metadata, metadata_of(metadata.attributes, metadata.headers.metadata));
    return headers;
}

Result<client::ObjectHeaders> upload_headers(const DraftMetadata& metadata) {
    TRY(client::ObjectHeaders headers, object_headers(metadata));
    if (!metadata.mtime_given) headers.metadata.erase("mtime");
    headers.metadata.erase("ctime");
    return headers;
}

}  // namespace weir::mount
