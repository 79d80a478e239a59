#pragma once
// How far a command is, as one line for a terminal.
//
// Plain values and pure functions.

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::cli {

struct ProgressState {
    std::uint64_t files = 0;  // that are done
    std::uint64_t bytes = 0;  // that moved
    std::uint64_t files_planned = 0;
    std::uint64_t bytes_planned = 0;
    bool all_planned = false;  // the listing has ended; until then nobody knows the end
    double bytes_per_second = 0;
};

// At most `columns` wide.
std::string progress_line(const ProgressState& state, std::size_t columns);

// "1.5 GiB".
std::string amount(std::uint64_t bytes);
// "2:05", "1:02:03".
std::string duration(std::chrono::seconds seconds);

}  // namespace weir::cli
