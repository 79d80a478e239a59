#pragma once
// Versions: unique within a key, and ordered whatever the clocks do, since each is greater than the
// head it replaces and the commit is conditioned on that head. Pure functions; safe from any
// thread.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "meta/records.pb.h"

namespace weir::meta {

inline constexpr std::size_t version_bytes = 14;
inline constexpr std::string_view null_version_id = "null";

// Who makes versions: a region, and a writer number that one start of one server holds alone.
struct VersionSource {
    std::uint32_t region = 0;  // at most 16 bits
    std::uint32_t writer = 0;
};

// max(now, head + 1).
Version next_version(UnixNanos now, const Version* head, VersionSource source);

// 14 bytes whose order is that of the versions: time, region, writer, big-endian.
std::string encode_version(const Version& version);
std::optional<Version> decode_version(std::string_view bytes);
// The same with every bit turned, so that the newest comes first.
std::string encode_version_newest_first(const Version& version);

// The version id that clients see: "null", or 28 hexadecimal digits.
std::string version_id(const ObjectRecord& record);
// nullopt if it is neither "null" nor one of ours.
struct VersionName {
    bool null = false;
    Version version;
};
std::optional<VersionName> parse_version_id(std::string_view text);

bool same_version(const Version& a, const Version& b);

}  // namespace weir::meta
