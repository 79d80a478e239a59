#include "cli/s3/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::cli {
namespace {

constexpr std::size_t bar_columns = 20;

std::string bar(double share) {
    const auto full = static_cast<std::size_t>(share * bar_columns);
    return fmt::format("[{:=<{}}{: <{}}]", "", full, "", bar_columns - full);
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
    std::string line;
    // A request that was tried again may have counted twice.
    const std::uint64_t planned = std::max(state.bytes_planned, state.bytes);
    if (state.all_planned && planned > 0) {
        const double share = static_cast<double>(state.bytes) / static_cast<double>(planned);
        line = fmt::format("{} {:3.0f}%  {} of {}", bar(share), share * 100, amount(state.bytes),
                           amount(planned));
    } else {
        line = amount(state.bytes);
    }
    line += fmt::format("  {}/s", amount(static_cast<std::uint64_t>(state.bytes_per_second)));
    if (state.all_planned && state.bytes_per_second > 0) {
        const double left = static_cast<double>(planned - state.bytes) / state.bytes_per_second;
        constexpr double shown_max = 1e8;
        if (left < shown_max)
            line += fmt::format("  {} left",
                                duration(std::chrono::seconds(static_cast<std::int64_t>(left))));
    }
    line += state.all_planned
                ? fmt::format("  {} of {} files", state.files, state.files_planned)
                : fmt::format("  {} files, {} found", state.files, state.files_planned);
    return line.substr(0, columns);
}

}  // namespace weir::cli
