#pragma once
// A file's time as the metadata `mtime` keeps it: seconds since the epoch, "1700000000.123456789",
// as rclone, s3fs and `weir mount` write it.
//
// Pure functions. nullopt for what is no such time.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace weir::cli {

inline constexpr const char* mtime_metadata = "mtime";

std::string format_file_time(UnixNanos time);
std::optional<UnixNanos> parse_file_time(std::string_view text);

}  // namespace weir::cli
