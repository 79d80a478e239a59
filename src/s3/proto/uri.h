#pragma once
// The request target as S3 reads it. A path is percent-decoded once and otherwise left alone: `//`,
// `.` and `..` are ordinary parts of a key, `+` is a plus. In a query, `+` is a space, as AWS has
// it.
//
// Pure functions; safe from any thread. What cannot be decoded to UTF-8 without NUL is invalid_uri.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::s3 {

// Everything but A-Z a-z 0-9 - . _ ~ as %XX, the way SigV4 and encoding-type=url write it.
std::string percent_encode(std::string_view text, bool keep_slash);
// nullopt where a % is not followed by two hexadecimal digits. The result may be any bytes.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

struct Target {
    std::string path;  // decoded; begins with '/'
    std::vector<std::pair<std::string, std::string>>
        query;  // decoded, in order; `?acl` is {"acl", ""}
    // As they were sent, for signatures; views into the argument of parse_target.
    std::string_view raw_path;
    std::string_view raw_query;
};

// From origin form ("/bucket/key?acl") or absolute form ("http://host/bucket/key").
Result<Target> parse_target(std::string_view raw);

struct Place {
    std::string bucket = {};  // empty: the service itself
    std::string key = {};     // empty: the bucket itself
    bool bucket_in_host = false;
};

// Virtual-host style where `host` (a Host header, port and all) is a name under one of `domains`,
// the longest that fits; path style otherwise. `path` is decoded.
Place find_place(std::string_view path, std::string_view host,
                 std::span<const std::string> domains);

}  // namespace weir::s3
