#include "s3/proto/range.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "s3/proto/request_view.h"

namespace weir::s3 {
namespace {

constexpr std::uint64_t beyond_any_object = std::numeric_limits<std::uint64_t>::max();

// Digits only; what does not fit is beyond the end of any object.
std::optional<std::uint64_t> parse_position(std::string_view digits) {
    if (digits.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        value = value > (beyond_any_object - digit) / 10 ? beyond_any_object : value * 10 + digit;
    }
    return value;
}

// What follows "bytes=", split at the hyphen; nullopt for anything else.
struct Ends {
    std::string_view first;
    std::string_view last;
};
std::optional<Ends> split_ends(std::string_view header) {
    header = trim_spaces(header);
    const std::size_t equals = header.find('=');
    if (equals == std::string_view::npos ||
        !equal_ignoring_case(trim_spaces(header.substr(0, equals)), "bytes"))
        return std::nullopt;
    const std::string_view spec = trim_spaces(header.substr(equals + 1));
    const std::size_t hyphen = spec.find('-');
    if (hyphen == std::string_view::npos) return std::nullopt;
    return Ends{spec.substr(0, hyphen), spec.substr(hyphen + 1)};
}

}  // namespace

Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t object_bytes) {
    const std::optional<Ends> ends = split_ends(header);
    if (!ends) return std::nullopt;
    const std::optional<std::uint64_t> last = parse_position(ends->last);
    if (!last && !ends->last.empty()) return std::nullopt;
    if (ends->first.empty()) {  // the last n bytes
        if (!last) return std::nullopt;
        if (*last == 0 || object_bytes == 0) return fail(Code::invalid_range);
        const std::uint64_t length = std::min(*last, object_bytes);
        return ByteRange{.offset = object_bytes - length, .length = length};
    }
    const std::optional<std::uint64_t> first = parse_position(ends->first);
    if (!first || (last && *last < *first)) return std::nullopt;
    if (*first >= object_bytes) return fail(Code::invalid_range);
    const std::uint64_t end = last && *last < object_bytes ? *last + 1 : object_bytes;
    return ByteRange{.offset = *first, .length = end - *first};
}

Result<ByteRange> parse_copy_source_range(std::string_view header, std::uint64_t object_bytes) {
    const std::optional<Ends> ends = split_ends(header);
    const std::optional<std::uint64_t> first = ends ? parse_position(ends->first) : std::nullopt;
    const std::optional<std::uint64_t> last = ends ? parse_position(ends->last) : std::nullopt;
    if (!first || !last || *last < *first)
        return fail(
            Code::invalid_argument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where "
            "first and last are the zero-based offsets of the first and last bytes to copy");
    if (*last >= object_bytes)
        return fail(Code::invalid_range,
                    fmt::format("Range specified is not valid for source object of size: {}",
                                object_bytes));
    return ByteRange{.offset = *first, .length = *last - *first + 1};
}

std::string content_range(ByteRange range, std::uint64_t object_bytes) {
    return fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.length - 1,
                       object_bytes);
}

std::string unsatisfied_content_range(std::uint64_t object_bytes) {
    return fmt::format("bytes */{}", object_bytes);
}

}  // namespace weir::s3
