#pragma once
// x-amz-copy-source and x-amz-rename-source.
//
// Pure functions; safe from any thread. invalid_argument for what names no object.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::s3 {

struct CopySource {
    std::string bucket = {};
    std::string key = {};
    std::optional<std::string> version_id = {};
};

// "bucket/key" or "/bucket/key", percent-encoded with `+` for a space, then perhaps
// "?versionId=...".
Result<CopySource> parse_copy_source(std::string_view header);

// "key" within `bucket`, or "/bucket/key"; percent-encoded, no version.
Result<CopySource> parse_rename_source(std::string_view header, std::string_view bucket);

}  // namespace weir::s3
