#include "cli/s3/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::cli {
namespace {

// What is left of the line, within these.
constexpr std::size_t bar_columns_min = 5, bar_columns_max = 20;

// Empty where there is no room for one.
std::string bar(double share, std::size_t columns) {
    if (columns < bar_columns_min) return "";
    const std::size_t width = std::min(columns, bar_columns_max);
    const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
    return fmt::format("[{:=<{}}{: <{}}] ", "", full, "", width - full);
}

std::string rest(double bytes, double bytes_per_second) {
    constexpr double shown_max_s = 1e8;
    const double left_s = bytes_per_second > 0 ? bytes / bytes_per_second : shown_max_s;
    if (left_s >= shown_max_s) return "";
    return fmt::format("  {} left",
                       duration(std::chrono::seconds(static_cast<std::int64_t>(left_s))));
}

}  // namespace

std::string amount(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 5> units{"KiB", "MiB", "GiB", "TiB", "PiB"};
    constexpr double step = 1024;
    if (bytes < 1024) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes) / step;
    std::size_t unit = 0;
    while (value >= step && unit + 1 < units.size()) {
        value /= step;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string duration(std::chrono::seconds seconds) {
    const std::chrono::hh_mm_ss time(seconds);
    if (time.hours().count() > 0)
        return fmt::format("{}:{:02}:{:02}", time.hours().count(), time.minutes().count(),
                           time.seconds().count());
    return fmt::format("{}:{:02}", time.minutes().count(), time.seconds().count());
}

std::string progress_line(const ProgressState& state, std::size_t columns) {
    const std::string rate =
        fmt::format("  {}/s", amount(static_cast<std::uint64_t>(state.bytes_per_second)));
    if (!state.all_planned)
        return fmt::format("{}{}  {} files, {} found", amount(state.bytes), rate, state.files,
                           state.files_planned)
            .substr(0, columns);
    // A request that was tried again may have counted twice.
    const auto planned = static_cast<double>(std::max(state.bytes_planned, state.bytes));
    const auto moved = static_cast<double>(state.bytes);
    const double share = planned > 0 ? moved / planned : 0;
    std::string text = fmt::format("{:3.0f}%  {} of {}{}{}", share * 100, amount(state.bytes),
                                   amount(static_cast<std::uint64_t>(planned)), rate,
                                   rest(planned - moved, state.bytes_per_second));
    if (state.files_planned != 1)
        text += fmt::format("  {} of {} files", state.files, state.files_planned);
    constexpr std::size_t around_bar = 3;
    const std::size_t room = columns - std::min(columns, text.size() + around_bar);
    return (bar(share, room) + text).substr(0, columns);
}

}  // namespace weir::cli
