#pragma once
// The dates of S3: HTTP dates in headers, ISO 8601 with milliseconds in XML.
//
// Pure functions; safe from any thread. What is no date, or lies outside 1970 to 2261, is nullopt.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace weir::s3 {

// "Wed, 21 Oct 2026 07:28:00 GMT": whole seconds, rounded down.
std::string format_http_date(UnixNanos time);
// "2026-10-21T07:28:00.123Z"
std::string format_iso_date(UnixNanos time);

// Whatever a client may send: the three HTTP forms (RFC 9110, 5.6.7), ISO 8601 with an offset or Z,
// and seconds since the epoch.
std::optional<UnixNanos> parse_date(std::string_view text);

}  // namespace weir::s3
