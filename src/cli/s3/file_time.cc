#include "cli/s3/file_time.h"

#include <fmt/format.h>

#include <charconv>

namespace weir::cli {
namespace {

constexpr std::size_t nano_digits = 9;
// Signed nanoseconds end here.
constexpr std::uint64_t seconds_max = 9'223'372'035;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

std::string format_file_time(UnixNanos time) {
    return fmt::format("{}.{:09}", time / nanos_per_second, time % nanos_per_second);
}

std::optional<UnixNanos> parse_file_time(std::string_view text) {
    const std::size_t dot = text.find('.');
    const std::optional<std::uint64_t> seconds = number(text.substr(0, dot));
    if (!seconds || *seconds > seconds_max) return std::nullopt;
    if (dot == std::string_view::npos) return *seconds * nanos_per_second;
    const std::string_view given = text.substr(dot + 1);
    if (given.empty() || given.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::string fraction(given);
    fraction.resize(nano_digits, '0');  // what is finer than a nanosecond is cut off
    return *seconds * nanos_per_second + number(fraction).value_or(0);
}

}  // namespace weir::cli
