#pragma once
// Range and x-amz-copy-source-range, applied to an object of a known size.
//
// Pure functions; safe from any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::s3 {

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;  // at least 1
    bool operator==(const ByteRange&) const = default;
};

// RFC 9110, 14.2: nullopt means the whole object, as for a header that S3 does not understand
// (several ranges, another unit, bad syntax). invalid_range where it names no byte of the object.
Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t object_bytes);

// "bytes=first-last", both given: invalid_argument for another form, invalid_range beyond the end.
Result<ByteRange> parse_copy_source_range(std::string_view header, std::uint64_t object_bytes);

// "bytes 0-9/100", and "bytes */100" of a 416.
std::string content_range(ByteRange range, std::uint64_t object_bytes);
std::string unsatisfied_content_range(std::uint64_t object_bytes);

}  // namespace weir::s3
