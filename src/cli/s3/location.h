#pragma once
// What `weir cp` and its like are pointed at: s3://BUCKET/KEY, a local path, or - for standard
// input and output.
//
// Plain values and pure functions. Failure: invalid_argument, one sentence.

#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::cli {

struct Location {
    enum class Kind { s3, local, stream };
    Kind kind = Kind::local;
    std::string bucket = {};  // s3
    std::string key = {};     // s3: a key or a prefix, as it was written
    std::string path = {};    // local

    bool is_s3() const { return kind == Kind::s3; }
    bool is_stream() const { return kind == Kind::stream; }
    // As people write it.
    std::string text() const;
    bool operator==(const Location&) const = default;
};

Result<Location> parse_location(std::string_view text);

// "s3://bucket/key".
std::string s3_text(std::string_view bucket, std::string_view key);

// A prefix that stands for a folder: it ends in '/', unless it is empty.
std::string folder_prefix(std::string key);

// What follows the last '/'.
std::string_view last_name(std::string_view path);

}  // namespace weir::cli
