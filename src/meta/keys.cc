#include "meta/keys.h"

#include "base/bytes.h"
#include "base/check.h"
#include "meta/version.h"

namespace weir::meta {
namespace {

constexpr char escape = '\x00';
constexpr char escaped_zero = '\xff';
constexpr char terminator = '\x01';

std::string prefixed(char prefix, std::string_view rest) {
    std::string out;
    out.reserve(rest.size() + 1);
    out.push_back(prefix);
    out.append(rest);
    return out;
}

std::string escaped_rows(char prefix, std::string_view key) {
    std::string out;
    out.reserve(key.size() + 3 + version_bytes);
    out.push_back(prefix);
    append_escaped(out, key);
    return out;
}

}  // namespace

void append_escaped(std::string& out, std::string_view key) {
    for (const char c : key) {
        out.push_back(c);
        if (c == escape) out.push_back(escaped_zero);
    }
    out.push_back(escape);
    out.push_back(terminator);
}

std::optional<std::string> take_escaped(std::string_view& rest) {
    std::string key;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        if (rest[i] != escape) {
            key.push_back(rest[i]);
            continue;
        }
        if (++i == rest.size()) return std::nullopt;
        if (rest[i] == terminator) {
            rest.remove_prefix(i + 1);
            return key;
        }
        if (rest[i] != escaped_zero) return std::nullopt;
        key.push_back(escape);
    }
    return std::nullopt;
}

std::string bucket_row(std::string_view name) { return prefixed(bucket_prefix, name); }
std::string drain_row(std::uint64_t partition) {
    std::string out(1, drain_prefix);
    append_be64(out, partition);
    return out;
}

std::string writer_low_water_rows() { return std::string(1, writer_low_water_prefix); }
std::string writer_low_water_row(std::uint32_t writer) {
    std::string out = writer_low_water_rows();
    append_be32(out, writer);
    return out;
}

std::string damage_row(std::string_view blob) { return prefixed(damage_prefix, blob); }

std::string current_row(std::string_view key) { return prefixed(current_prefix, key); }
std::string marker_row(std::string_view key) { return prefixed(marker_prefix, key); }
std::string version_rows(std::string_view key) { return escaped_rows(version_prefix, key); }
std::string version_row(std::string_view key, const Version& version) {
    return version_rows(key) + encode_version_newest_first(version);
}
std::string body_row(std::string_view key, const Version& version) {
    return escaped_rows(kv::bulk_prefix, key) + encode_version(version);
}
std::string rows_from(char kind, std::string_view key) {
    // Without the terminator, which sorts before every byte that a longer key goes on with.
    std::string row = escaped_rows(kind, key);
    row.resize(row.size() - 2);
    return row;
}
std::string upload_rows(std::string_view key) { return escaped_rows(upload_prefix, key); }
std::string upload_row(std::string_view key, std::string_view upload_id) {
    return upload_rows(key) + std::string(upload_id);
}
std::string part_rows(std::string_view upload_id) { return escaped_rows(part_prefix, upload_id); }
std::string part_row(std::string_view upload_id, std::uint32_t part_number) {
    std::string out = part_rows(upload_id);
    append_be32(out, part_number);
    return out;
}
std::string garbage_row(UnixNanos not_before, std::uint64_t id) {
    std::string out(1, garbage_prefix);
    append_be64(out, not_before);
    append_be64(out, id);
    return out;
}
std::string reference_rows(std::string_view blob) { return prefixed(reference_prefix, blob); }
std::string reference_row(std::string_view blob, std::string_view referrer) {
    return reference_rows(blob) + std::string(referrer);
}
std::string checksum_rows(std::string_view blob) { return prefixed(checksum_prefix, blob); }
std::string checksum_row(std::string_view blob, std::uint64_t offset) {
    std::string out = checksum_rows(blob);
    append_be64(out, offset);
    return out;
}

std::optional<VersionRow> parse_version_row(std::string_view row) {
    if (row.empty() || row.front() != version_prefix) return std::nullopt;
    row.remove_prefix(1);
    std::optional<std::string> key = take_escaped(row);
    if (!key) return std::nullopt;
    std::string turned(row);
    for (char& c : turned) c = static_cast<char>(~c);
    const std::optional<Version> version = decode_version(turned);
    if (!version) return std::nullopt;
    return VersionRow{.key = std::move(*key), .version = *version};
}

std::optional<UploadRow> parse_upload_row(std::string_view row) {
    if (row.empty() || row.front() != upload_prefix) return std::nullopt;
    row.remove_prefix(1);
    std::optional<std::string> key = take_escaped(row);
    if (!key) return std::nullopt;
    return UploadRow{.key = std::move(*key), .upload_id = std::string(row)};
}

std::optional<std::uint32_t> parse_part_row(std::string_view row) {
    if (row.empty() || row.front() != part_prefix) return std::nullopt;
    row.remove_prefix(1);
    if (!take_escaped(row) || row.size() != 4) return std::nullopt;
    return read_be32(row);
}

std::optional<UnixNanos> parse_garbage_row(std::string_view row) {
    if (row.size() != 17 || row.front() != garbage_prefix) return std::nullopt;
    return read_be64(row.substr(1));
}

std::optional<ChecksumRow> parse_checksum_row(std::string_view row) {
    constexpr std::size_t blob_bytes = 16;
    if (row.size() != 1 + blob_bytes + 8 || row.front() != checksum_prefix) return std::nullopt;
    return ChecksumRow{.blob = std::string(row.substr(1, blob_bytes)),
                       .offset = read_be64(row.substr(1 + blob_bytes))};
}

}  // namespace weir::meta
