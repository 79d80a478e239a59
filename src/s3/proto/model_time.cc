#include "s3/proto/model_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>

#include "s3/proto/request_view.h"

namespace weir::s3 {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> day_names{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t last_second =
    9'223'372'036;  // of the year 2262, where signed nanoseconds end

struct Civil {
    std::int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
};

struct Split {
    year_month_day date;
    unsigned weekday;
    std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};

Split split(UnixNanos time) {
    const auto since = std::chrono::milliseconds(static_cast<std::int64_t>(time / 1'000'000));
    const auto days = std::chrono::floor<std::chrono::days>(since);
    return {year_month_day(sys_days(days)), std::chrono::weekday(sys_days(days)).c_encoding(),
            std::chrono::hh_mm_ss(since - days)};
}

std::optional<UnixNanos> to_nanos(const Civil& civil, std::int64_t offset_s, std::uint64_t nanos) {
    const year_month_day date(std::chrono::year(static_cast<int>(civil.year)),
                              std::chrono::month(civil.month), std::chrono::day(civil.day));
    if (!date.ok() || civil.hour > 23 || civil.minute > 59 || civil.second > 60) {
        return std::nullopt;
    }
    const std::int64_t days = sys_days(date).time_since_epoch().count();
    const std::int64_t seconds =
        days * 86'400 + civil.hour * 3600 + civil.minute * 60 + civil.second - offset_s;
    if (seconds < 0 || seconds >= last_second) return std::nullopt;
    return static_cast<UnixNanos>(seconds) * nanos_per_second + nanos;
}

// Reads a date from left to right; the first thing that does not fit makes ok() false for good.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    bool ok() const { return ok_; }
    bool at_end() const { return rest_.empty(); }
    bool sees(char c) const { return !rest_.empty() && rest_.front() == c; }
    bool skip_if(char c) {
        if (!sees(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void expect(std::string_view literal) {
        if (!rest_.starts_with(literal)) {
            ok_ = false;
            return;
        }
        rest_.remove_prefix(literal.size());
    }
    unsigned digits(std::size_t count) {
        unsigned value = 0;
        const bool enough = rest_.size() >= count;
        if (enough) {
            const char* const end = rest_.data() + count;
            const auto [stop, error] = std::from_chars(rest_.data(), end, value);
            ok_ = ok_ && error == std::errc{} && stop == end;
            rest_.remove_prefix(count);
        }
        ok_ = ok_ && enough;
        return value;
    }
    unsigned month() {
        const auto found = std::ranges::find(month_names, rest_.substr(0, 3));
        if (found == month_names.end()) {
            ok_ = false;
            return 0;
        }
        rest_.remove_prefix(3);
        return static_cast<unsigned>(found - month_names.begin()) + 1;
    }
    void clock(Civil& civil) {
        civil.hour = digits(2);
        expect(":");
        civil.minute = digits(2);
        expect(":");
        civil.second = digits(2);
    }
    // The digits after a decimal point, as nanoseconds; what is finer is dropped.
    std::uint64_t fraction() {
        std::uint64_t nanos = 0;
        std::uint64_t unit = nanos_per_second / 10;
        if (rest_.empty()) ok_ = false;
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
            nanos += static_cast<std::uint64_t>(rest_.front() - '0') * unit;
            unit /= 10;
            rest_.remove_prefix(1);
        }
        return nanos;
    }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

// "Sun, 06 Nov 1994 08:49:37 GMT" and "Sunday, 06-Nov-94 08:49:37 GMT", from behind the comma.
std::optional<UnixNanos> parse_http(std::string_view text) {
    Cursor in(text);
    Civil civil;
    in.expect(" ");
    civil.day = in.digits(2);
    const bool two_digit_year = in.skip_if('-');
    if (!two_digit_year) in.expect(" ");
    civil.month = in.month();
    in.expect(two_digit_year ? "-" : " ");
    civil.year = in.digits(two_digit_year ? 2 : 4);
    if (two_digit_year) civil.year += civil.year < 70 ? 2000 : 1900;
    in.expect(" ");
    in.clock(civil);
    if (in.skip_if(' ')) {
        if (in.sees('U')) {
            in.expect("UTC");
        } else if (in.sees('+')) {
            in.expect("+0000");
        } else if (in.sees('-')) {
            in.expect("-0000");
        } else {
            in.expect("GMT");
        }
    }
    if (!in.ok() || !in.at_end()) return std::nullopt;
    return to_nanos(civil, 0, 0);
}

// "Nov  6 08:49:37 1994", from behind the name of the day.
std::optional<UnixNanos> parse_asctime(std::string_view text) {
    Cursor in(text);
    Civil civil;
    civil.month = in.month();
    in.expect(" ");
    civil.day = in.skip_if(' ') ? in.digits(1) : in.digits(2);
    in.expect(" ");
    in.clock(civil);
    in.expect(" ");
    civil.year = in.digits(4);
    if (!in.ok() || !in.at_end()) return std::nullopt;
    return to_nanos(civil, 0, 0);
}

std::optional<UnixNanos> parse_iso(std::string_view text) {
    Cursor in(text);
    Civil civil;
    civil.year = in.digits(4);
    in.expect("-");
    civil.month = in.digits(2);
    in.expect("-");
    civil.day = in.digits(2);
    std::uint64_t nanos = 0;
    std::int64_t offset_s = 0;
    if (!in.at_end()) {
        in.expect("T");
        in.clock(civil);
        if (in.skip_if('.')) nanos = in.fraction();
        if (in.sees('+') || in.sees('-')) {
            const std::int64_t sign = in.skip_if('+') ? 1 : -1;
            if (sign < 0) in.expect("-");
            const unsigned hours = in.digits(2);
            in.skip_if(':');
            const unsigned minutes = in.digits(2);
            offset_s = sign * (std::int64_t{hours} * 3600 + std::int64_t{minutes} * 60);
        } else if (!in.at_end()) {
            in.expect("Z");
        }
    }
    if (!in.ok() || !in.at_end()) return std::nullopt;
    return to_nanos(civil, offset_s, nanos);
}

std::optional<UnixNanos> parse_epoch(std::string_view text) {
    const std::size_t point = std::min(text.find('.'), text.size());
    std::int64_t seconds = 0;
    const char* const end = text.data() + point;
    const auto [stop, error] = std::from_chars(text.data(), end, seconds);
    if (error != std::errc{} || stop != end || seconds < 0 || seconds >= last_second) {
        return std::nullopt;
    }
    std::uint64_t nanos = 0;
    if (point < text.size()) {
        Cursor in(text.substr(point + 1));
        nanos = in.fraction();
        if (!in.ok() || !in.at_end()) return std::nullopt;
    }
    return static_cast<UnixNanos>(seconds) * nanos_per_second + nanos;
}

}  // namespace

std::string format_http_date(UnixNanos time) {
    const auto [date, weekday, clock] = split(time);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", day_names[weekday],
                       static_cast<unsigned>(date.day()),
                       month_names[static_cast<unsigned>(date.month()) - 1],
                       static_cast<int>(date.year()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

std::string format_iso_date(UnixNanos time) {
    const auto [date, weekday, clock] = split(time);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

std::optional<UnixNanos> parse_date(std::string_view text) {
    text = trim_spaces(text);
    if (text.empty()) return std::nullopt;
    if (const std::size_t comma = text.find(','); comma != std::string_view::npos) {
        const bool named = std::ranges::any_of(
            day_names, [text](std::string_view name) { return text.starts_with(name); });
        return named ? parse_http(text.substr(comma + 1)) : std::nullopt;
    }
    if (text.front() < '0' || text.front() > '9') {
        const std::size_t space = text.find(' ');
        if (space != 3 || std::ranges::find(day_names, text.substr(0, 3)) == day_names.end()) {
            return std::nullopt;
        }
        return parse_asctime(text.substr(4));
    }
    if (text.find('-') != std::string_view::npos) return parse_iso(text);
    return parse_epoch(text);
}

}  // namespace weir::s3
