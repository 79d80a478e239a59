#include "mount/killed.h"

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace weir::mount {
namespace {

constexpr std::uint64_t bit(int signal) { return std::uint64_t{1} << (signal - 1); }

// What these do by default ends nobody.
constexpr std::uint64_t harmless = bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG) | bit(SIGWINCH) |
                                   bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);

// Of the line "SigPnd:\t0000000000000100".
std::uint64_t signals(std::string_view status, std::string_view name) {
    std::uint64_t set = 0;
    const std::size_t line = status.find(name);
    if (line == std::string_view::npos) return set;
    const std::size_t digits = status.find_first_not_of("\t ", line + name.size());
    if (digits == std::string_view::npos) return set;
    std::from_chars(status.data() + digits, status.data() + status.size(), set, 16);
    return set;
}

}  // namespace

bool is_killed(std::string_view status) {
    const std::uint64_t pending = signals(status, "\nSigPnd:") | signals(status, "\nShdPnd:");
    const std::uint64_t handled =
        signals(status, "\nSigBlk:") | signals(status, "\nSigIgn:") | signals(status, "\nSigCgt:");
    // The kernel turns most deadly signals into SIGKILL, but not those that dump core.
    return (pending & bit(SIGKILL)) != 0 || (pending & ~handled & ~harmless) != 0;
}

bool is_killed(pid_t thread) {
    if (thread == 0) return false;
    std::ifstream file(fmt::format("/proc/{}/status", thread), std::ios::binary);
    if (!file) return true;
    return is_killed(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace weir::mount
