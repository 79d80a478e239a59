#include "cli/mount_source.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <sstream>

namespace weir::cli {
namespace {

constexpr std::string_view digits = "0123456789";

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

// Takes `count` digits off the front.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t count) {
    if (text.size() < count || !is_number(text.substr(0, count))) return std::nullopt;
    unsigned number = 0;
    std::from_chars(text.data(), text.data() + count, number);
    text.remove_prefix(count);
    return number;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

// "Z", "+01:00", or nothing at all.
std::optional<std::chrono::minutes> take_zone(std::string_view& text) {
    if (text.empty() || take(text, 'Z')) return std::chrono::minutes(0);
    const bool behind = take(text, '-');
    if (!behind && !take(text, '+')) return std::nullopt;
    const std::optional<unsigned> hours = take_digits(text, 2);
    if (!hours || !take(text, ':')) return std::nullopt;
    const std::optional<unsigned> minutes = take_digits(text, 2);
    if (!minutes || *hours > 14 || *minutes > 59) return std::nullopt;
    const std::chrono::minutes offset(*hours * 60 + *minutes);
    return behind ? -offset : offset;
}

// "08:30:00.123" and its shorter forms; what follows stays.
std::optional<std::chrono::nanoseconds> take_clock(std::string_view& text) {
    const std::optional<unsigned> hours = take_digits(text, 2);
    if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
    const std::optional<unsigned> minutes = take_digits(text, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    std::chrono::nanoseconds clock = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    if (!take(text, ':')) return clock;
    const std::optional<unsigned> seconds = take_digits(text, 2);
    if (!seconds || *seconds > 59) return std::nullopt;
    clock += std::chrono::seconds(*seconds);
    if (!take(text, '.')) return clock;
    std::uint64_t step = nanos_per_second, fraction = 0;
    if (text.empty() || !is_number(text.substr(0, 1))) return std::nullopt;
    while (const std::optional<unsigned> digit = take_digits(text, 1))
        fraction += *digit * (step /= 10);
    return clock + std::chrono::nanoseconds(fraction);
}

std::optional<std::chrono::sys_days> take_day(std::string_view& text) {
    const std::optional<unsigned> year = take_digits(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const std::optional<unsigned> month = take_digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const std::optional<unsigned> day = take_digits(text, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(*month), std::chrono::day(*day));
    // Nanoseconds since 1970 fit into a signed number until 2262.
    if (!date.ok() || *year < 1970 || *year > 2261) return std::nullopt;
    return std::chrono::sys_days(date);
}

Result<MountSource> checked(MountSource source, std::string_view text) {
    if (source.bucket.empty() || source.bucket.find('/') != std::string::npos ||
        source.bucket.find('@') != std::string::npos)
        return fail(Code::invalid_argument,
                    fmt::format("'{}' names no bucket; what is mounted is written "
                                "BUCKET[:PREFIX][@TIME], as in my-models:llama@2026-11-27T08:30Z",
                                text));
    if (source.prefix.starts_with('/') || source.prefix.find("//") != std::string::npos)
        return fail(Code::invalid_argument,
                    fmt::format("the prefix of '{}' is no folder of keys", text));
    if (!source.prefix.empty() && !source.prefix.ends_with('/')) source.prefix += '/';
    return source;
}

// Of a version id of Weir, which begins with its time, or of a snapshot of Tigris, which is one.
std::optional<UnixNanos> time_of_version(std::string_view text) {
    constexpr std::size_t id_digits = 28, time_digits = 16, snapshot_digits = 19;
    const bool snapshot = text.size() == snapshot_digits && is_number(text);
    const bool id = text.size() == id_digits &&
                    text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!snapshot && !id) return std::nullopt;
    if (id) text = text.substr(0, time_digits);
    UnixNanos time = 0;
    const auto read =
        std::from_chars(text.data(), text.data() + text.size(), time, snapshot ? 10 : 16);
    constexpr UnixNanos time_max = std::numeric_limits<std::int64_t>::max();
    if (read.ec != std::errc() || time > time_max) return std::nullopt;
    return time;
}

}  // namespace

std::optional<UnixNanos> parse_time(std::string_view text) {
    if (const std::optional<UnixNanos> time = time_of_version(text)) return time;
    constexpr std::size_t digits_max = 10;
    if (is_number(text) && text.size() <= digits_max) {
        std::uint64_t seconds = 0;
        std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (seconds > std::numeric_limits<std::int64_t>::max() / nanos_per_second)
            return std::nullopt;
        return seconds * nanos_per_second;
    }
    const std::optional<std::chrono::sys_days> day = take_day(text);
    if (!day) return std::nullopt;
    std::chrono::nanoseconds time = day->time_since_epoch();
    if (text.empty()) return static_cast<UnixNanos>(time.count());
    if (!take(text, 'T')) return std::nullopt;
    const std::optional<std::chrono::nanoseconds> clock = take_clock(text);
    const std::optional<std::chrono::minutes> zone = clock ? take_zone(text) : std::nullopt;
    if (!zone || !text.empty()) return std::nullopt;
    time += *clock - *zone;
    if (time.count() < 0) return std::nullopt;
    return static_cast<UnixNanos>(time.count());
}

Result<MountSource> parse_mount_source(std::string_view text) {
    MountSource source;
    std::string_view rest = text;
    const std::size_t colon = rest.find(':');
    const std::size_t at = rest.rfind('@');
    // A time has colons of its own.
    const bool has_prefix = colon != std::string_view::npos && colon < rest.find('@');
    if (at != std::string_view::npos) {
        source.time = parse_time(rest.substr(at + 1));
        if (!source.time && !has_prefix)
            return fail(Code::invalid_argument,
                        fmt::format("'{}' is no time; write 2026-11-27T08:30Z, 2026-11-27, "
                                    "seconds since 1970, or a version id of Weir",
                                    rest.substr(at + 1)));
        if (source.time) rest = rest.substr(0, at);
    }
    source.bucket = rest.substr(0, has_prefix ? colon : rest.size());
    if (has_prefix) source.prefix = rest.substr(colon + 1);
    return checked(std::move(source), text);
}

Result<std::uint64_t> parse_byte_count(std::string_view text) {
    const auto wrong = [&] {
        return fail(Code::invalid_argument,
                    fmt::format("'{}' is no number of bytes; write 1000000, 512M or 10G", text));
    };
    constexpr std::string_view units = "KMGT";
    std::string_view unit =
        text.substr(std::min(text.find_first_not_of("0123456789."), text.size()));
    const std::string number(text.substr(0, text.size() - unit.size()));
    double factor = 1;
    if (!unit.empty()) {
        const std::size_t power = units.find(unit.front());
        if (power == std::string_view::npos) return wrong();
        factor = std::ldexp(1.0, static_cast<int>(10 * (power + 1)));
        unit.remove_prefix(1);
        if (!unit.empty() && unit != "B" && unit != "iB") return wrong();
    }
    double count = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (number.empty() || error != std::errc() || end != number.data() + number.size())
        return wrong();
    constexpr double bytes_max = 9e18;
    if (count * factor > bytes_max) return wrong();
    return static_cast<std::uint64_t>(std::llround(count * factor));
}

}  // namespace weir::cli
