#include "mount/attributes.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/number.h"

namespace weir::mount {
namespace {

constexpr std::string_view mode_name = "mode";
constexpr std::string_view uid_name = "uid";
constexpr std::string_view gid_name = "gid";
constexpr std::string_view ctime_name = "ctime";
constexpr std::string_view xattr_prefix = "weir-xattr-";
constexpr std::string_view base32_digits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::uint16_t permission_bits = 07777;

std::string_view find(const Metadata& metadata, std::string_view name) {
    const auto found = metadata.find(std::string(name));
    return found == metadata.end() ? std::string_view() : std::string_view(found->second);
}

// s3fs writes it in decimal, rclone in octal with a zero before it.
std::optional<std::uint32_t> parse_mode(std::string_view text) {
    return parse_number<std::uint32_t>(text, text.starts_with('0') ? 8 : 10);
}

void read_xattrs(const Metadata& metadata, Xattrs& xattrs) {
    for (auto each = metadata.lower_bound(std::string(xattr_prefix));
         each != metadata.end() && each->first.starts_with(xattr_prefix); ++each) {
        const auto name = xattr_of_metadata_name(each->first);
        auto value = base64_decode(each->second);
        if (name && value) xattrs[*name] = *std::move(value);
    }
}

bool is_ours(std::string_view name) {
    return name == mode_name || name == uid_name || name == gid_name || name == mtime_metadata ||
           name == ctime_name || name.starts_with(xattr_prefix);
}

mode_t type_bits(Kind kind) {
    if (kind == Kind::folder) return S_IFDIR;
    return kind == Kind::symlink ? S_IFLNK : S_IFREG;
}

}  // namespace

mode_t Attributes::mode() const { return type_bits(kind) | permissions; }

Attributes AttributeDefaults::of(Kind kind, UnixNanos last_modified) const {
    Attributes attributes{.kind = kind, .uid = uid, .gid = gid};
    const unsigned all = kind == Kind::file ? 0666 : 0777;
    const unsigned masked = kind == Kind::symlink ? all : all & ~unsigned{umask};
    attributes.permissions = static_cast<std::uint16_t>(masked);
    attributes.mtime = attributes.ctime = last_modified;
    return attributes;
}

Attributes attributes_of(const Metadata& metadata, Kind kind, UnixNanos last_modified,
                         const AttributeDefaults& defaults) {
    const auto mode = parse_mode(find(metadata, mode_name));
    if (kind == Kind::file && mode && (*mode & S_IFMT) == S_IFLNK) kind = Kind::symlink;
    Attributes attributes = defaults.of(kind, last_modified);
    if (mode) attributes.permissions = static_cast<std::uint16_t>(*mode & permission_bits);
    attributes.uid = parse_number<std::uint32_t>(find(metadata, uid_name)).value_or(attributes.uid);
    attributes.gid = parse_number<std::uint32_t>(find(metadata, gid_name)).value_or(attributes.gid);
    attributes.mtime = parse_time(find(metadata, mtime_metadata)).value_or(attributes.mtime);
    attributes.ctime = parse_time(find(metadata, ctime_name)).value_or(attributes.ctime);
    read_xattrs(metadata, attributes.xattrs);
    return attributes;
}

Result<Metadata> metadata_of(const Attributes& attributes, const Metadata& other) {
    Metadata metadata;
    for (const auto& [name, value] : other)
        if (!is_ours(name)) metadata[name] = value;
    metadata[std::string(mode_name)] = fmt::format("{}", attributes.mode());
    metadata[std::string(uid_name)] = fmt::format("{}", attributes.uid);
    metadata[std::string(gid_name)] = fmt::format("{}", attributes.gid);
    metadata[mtime_metadata] = format_time(attributes.mtime);
    if (attributes.ctime != 0) metadata[std::string(ctime_name)] = format_time(attributes.ctime);
    for (const auto& [name, value] : attributes.xattrs)
        metadata[xattr_to_metadata_name(name)] = base64_encode(value);
    std::size_t bytes = 0;
    for (const auto& [name, value] : metadata) bytes += name.size() + value.size();
    if (bytes > user_metadata_bytes_max)
        return fail(Code::no_space, "an object's attributes may take 2 KiB, all together");
    return metadata;
}

std::string format_time(UnixNanos time) {
    return fmt::format("{}.{:09}", time / nanos_per_second, time % nanos_per_second);
}

std::optional<UnixNanos> parse_time(std::string_view text) {
    constexpr std::uint64_t seconds_max = 9'223'372'035;  // signed nanoseconds end here
    constexpr std::size_t nano_digits = 9;
    const std::size_t dot = text.find('.');
    const auto seconds = parse_number(text.substr(0, dot));
    if (!seconds || *seconds > seconds_max) return std::nullopt;
    if (dot == std::string_view::npos) return *seconds * nanos_per_second;
    std::string fraction(text.substr(dot + 1));
    if (fraction.empty() || fraction.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    fraction.resize(nano_digits, '0');  // what is finer than a nanosecond is cut off
    return *seconds * nanos_per_second + parse_number(fraction).value_or(0);
}

std::string xattr_to_metadata_name(std::string_view name) {
    std::string encoded(xattr_prefix);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char each : name) {
        bits = (bits << 8) | static_cast<unsigned char>(each);
        held += 8;
        for (; held >= 5; held -= 5) encoded += base32_digits[(bits >> (held - 5)) & 31];
    }
    if (held > 0) encoded += base32_digits[(bits << (5 - held)) & 31];
    return encoded;
}

std::optional<std::string> xattr_of_metadata_name(std::string_view metadata_name) {
    if (!metadata_name.starts_with(xattr_prefix)) return std::nullopt;
    std::string name;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char each : metadata_name.substr(xattr_prefix.size())) {
        const std::size_t digit = base32_digits.find(each);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = (bits << 5) | static_cast<std::uint32_t>(digit);
        held += 5;
        if (held < 8) continue;
        held -= 8;
        name += static_cast<char>((bits >> held) & 255);
    }
    // Exactly what encoding gives: no left-over digit, no bits in the last.
    if (name.empty() || xattr_to_metadata_name(name) != metadata_name) return std::nullopt;
    return name;
}

}  // namespace weir::mount
