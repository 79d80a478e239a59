#include "s3/proto/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "s3/proto/utf8.h"

namespace weir::s3 {
namespace {

constexpr std::array<std::string_view, 3> reserved_prefixes{"xn--", "sthree-", "amzn-s3-demo-"};
constexpr std::array<std::string_view, 5> reserved_suffixes{"-s3alias", "--ol-s3", ".mrap",
                                                            "--x-s3", "--table-s3"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || is_digit(c); }

// Four groups of digits: whatever their values, a host of that form is an address to a client.
bool looks_like_ip_address(std::string_view name) {
    return std::ranges::count(name, '.') == 3 &&
           std::ranges::all_of(name, [](char c) { return is_digit(c) || c == '.'; });
}

std::unexpected<Error> invalid(std::string_view why) {
    return fail(Code::invalid_bucket_name,
                fmt::format("The specified bucket is not valid: {}.", why));
}

}  // namespace

Result<void> check_bucket_name(std::string_view name) {
    if (name.size() < 3 || name.size() > 63) return invalid("a name has 3 to 63 characters");
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if (!is_letter_or_digit(c) && c != '.' && c != '-')
            return invalid("a name is made of lower-case letters, digits, dots and hyphens");
        const bool begins_label = i == 0 || name[i - 1] == '.';
        const bool ends_label = i + 1 == name.size() || name[i + 1] == '.';
        if ((begins_label || ends_label) && !is_letter_or_digit(c))
            return invalid("each label begins and ends with a letter or digit");
    }
    if (looks_like_ip_address(name)) return invalid("a name is not formatted as an IP address");
    for (const std::string_view prefix : reserved_prefixes) {
        if (name.starts_with(prefix)) return invalid(fmt::format("{}* is reserved", prefix));
    }
    for (const std::string_view suffix : reserved_suffixes) {
        if (name.ends_with(suffix)) return invalid(fmt::format("*{} is reserved", suffix));
    }
    return {};
}

Result<void> check_object_key(std::string_view key) {
    if (key.size() > key_bytes_max) return fail(Code::key_too_long);
    if (key.empty())
        return fail(Code::invalid_argument, "An object key has at least one character.");
    if (!is_utf8_text(key))
        return fail(Code::invalid_argument, "An object key is UTF-8 without NUL.");
    return {};
}

}  // namespace weir::s3
