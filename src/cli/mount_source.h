#pragma once
// What a mount shows, as people and /etc/fstab write it: BUCKET[:PREFIX][@TIME].
//
// Plain values and pure functions. Failure: invalid_argument, one sentence.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace weir::cli {

struct MountSource {
    std::string bucket = {};
    std::string prefix = {};             // empty, or a folder that ends in '/'
    std::optional<UnixNanos> time = {};  // as the bucket was then
    bool operator==(const MountSource&) const = default;
};

// An '@' in the prefix stands for itself unless a time follows it.
Result<MountSource> parse_mount_source(std::string_view text);

// "2026-11-27", "2026-11-27T08:30", "2026-11-27T08:30:00[.123][Z|+01:00]" (without a zone: UTC), or
// seconds since 1970; a version id of Weir: the moment when that version came; a snapshot's version
// of Tigris (nanoseconds since 1970). nullopt for anything else.
std::optional<UnixNanos> parse_time(std::string_view text);

// "1000", "64K", "64KiB", "10G", "1.5T": powers of 1024.
Result<std::uint64_t> parse_byte_count(std::string_view text);

}  // namespace weir::cli
