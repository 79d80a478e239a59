#include "meta/version.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace weir::meta {

Version next_version(UnixNanos now, const Version* head, VersionSource source) {
    CHECK(source.region <= 0xffff);
    Version version;
    version.set_time_nanos(head == nullptr ? now
                                           : std::max<UnixNanos>(now, head->time_nanos() + 1));
    version.set_region(source.region);
    version.set_writer(source.writer);
    return version;
}

std::string encode_version(const Version& version) {
    std::string out;
    out.reserve(version_bytes);
    append_be64(out, version.time_nanos());
    out.push_back(static_cast<char>(version.region() >> 8 & 0xff));
    out.push_back(static_cast<char>(version.region() & 0xff));
    append_be32(out, version.writer());
    return out;
}

std::optional<Version> decode_version(std::string_view bytes) {
    if (bytes.size() != version_bytes) return std::nullopt;
    Version version;
    version.set_time_nanos(read_be64(bytes));
    version.set_region(static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[8]) << 8 |
                                                  static_cast<unsigned char>(bytes[9])));
    version.set_writer(read_be32(bytes.substr(10)));
    return version;
}

std::string encode_version_newest_first(const Version& version) {
    std::string out = encode_version(version);
    for (char& c : out) c = static_cast<char>(~c);
    return out;
}

std::string version_id(const ObjectRecord& record) {
    if (record.null_version()) return std::string(null_version_id);
    return hex_encode(encode_version(record.version()));
}

std::optional<VersionName> parse_version_id(std::string_view text) {
    if (text == null_version_id) return VersionName{.null = true, .version = {}};
    const std::optional<std::string> bytes = hex_decode(text);
    if (!bytes) return std::nullopt;
    const std::optional<Version> version = decode_version(*bytes);
    if (!version) return std::nullopt;
    return VersionName{.null = false, .version = *version};
}

bool same_version(const Version& a, const Version& b) {
    return a.time_nanos() == b.time_nanos() && a.region() == b.region() && a.writer() == b.writer();
}

}  // namespace weir::meta
