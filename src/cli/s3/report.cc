#include "cli/s3/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "cli/command_line.h"

namespace weir::cli {
namespace {

constexpr std::size_t columns_default = 80;

std::size_t terminal_columns() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return columns_default;
    return size.ws_col;
}

// What to do, where the error itself does not say.
std::string_view advice(Code code) {
    switch (code) {
        case Code::unavailable:
        case Code::timeout:
            return "; is the server there? --endpoint names another, and the same command goes on";
        case Code::invalid_access_key_id:
        case Code::signature_does_not_match:
            return "; `weir env` prints the keys of a server on this machine";
        case Code::access_denied:
            return "; another --profile may have the right";
        case Code::no_such_bucket:
            return "; `weir ls` shows the buckets that there are";
        case Code::precondition_failed:
            return "; without --if-absent it would be replaced";
        case Code::corrupt:
            return "; nothing was kept of it, try again";
        default:
            return "";
    }
}

void write(std::FILE* file, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file);
}

}  // namespace

Report::Report(const ReportOptions& options)
    : options_(options),
      draws_(!options.quiet && !options.dry_run && ::isatty(STDERR_FILENO) == 1) {}

Report::~Report() {
    MutexLock lock(mutex_);
    clear();
}

void Report::plan(std::uint64_t bytes) {
    ++files_planned_;
    bytes_planned_ += bytes;
}

void Report::clear() {
    if (!std::exchange(drawn_, false)) return;
    write(stderr, "\r\x1b[K");
    std::fflush(stderr);
}

void Report::say(std::string_view line, bool to_stderr) {
    clear();
    write(to_stderr ? stderr : stdout, fmt::format("{}\n", line));
}

void Report::did(std::string_view verb, std::string_view what) {
    ++files_;
    if (options_.dry_run) {
        MutexLock lock(mutex_);
        say(fmt::format("(dry run) {}: {}", verb, what), false);
    } else if (options_.verbose) {
        MutexLock lock(mutex_);
        say(fmt::format("{}: {}", verb, what), false);
    }
}

void Report::deleted(std::string_view what) {
    ++deleted_;
    if (!options_.verbose) return;
    MutexLock lock(mutex_);
    say(fmt::format("delete: {}", what), false);
}

void Report::failed(std::string_view what, const Error& error) {
    ++failures_;
    // Interrupted: one line says so for all.
    if (error.code() == Code::cancelled) return;
    MutexLock lock(mutex_);
    say(fmt::format("weir: {} failed: {}{}", what, error.message(), advice(error.code())), true);
}

void Report::failed(const Error& error) {
    problem(fmt::format("{}{}", error.message(), advice(error.code())));
}

void Report::problem(std::string_view sentence) {
    ++failures_;
    MutexLock lock(mutex_);
    say(fmt::format("weir: {}", sentence), true);
}

void Report::measure() {
    constexpr double memory_s = 3;
    const Clock::time_point now = Clock::now();
    const std::uint64_t bytes = bytes_;
    const double elapsed = std::chrono::duration<double>(now - measured_).count();
    if (elapsed <= 0) return;
    const double rate = static_cast<double>(bytes - measured_bytes_) / elapsed;
    const double weight =
        bytes_per_second_ > 0 ? 1 - std::exp(-elapsed / memory_s) : 1;  // what came long ago fades
    bytes_per_second_ += weight * (rate - bytes_per_second_);
    measured_ = now;
    measured_bytes_ = bytes;
}

void Report::tick() {
    if (!draws_) return;
    MutexLock lock(mutex_);
    measure();
    const std::string line = progress_line({.files = files_,
                                            .bytes = bytes_,
                                            .files_planned = files_planned_,
                                            .bytes_planned = bytes_planned_,
                                            .all_planned = all_planned_,
                                            .bytes_per_second = bytes_per_second_},
                                           terminal_columns() - 1);
    write(stderr, fmt::format("\r{}\x1b[K", line));
    std::fflush(stderr);
    drawn_ = true;
}

// "3 files, 1.5 GiB in 2.0 s, 768.0 MiB/s; 2 deleted; 1 failed".
std::string Report::summary() const {
    constexpr double least_s = 0.001;
    const std::uint64_t files = files_, bytes = bytes_, deleted = deleted_, failures = failures_;
    std::vector<std::string> parts;
    if (files > 0 || (deleted == 0 && failures == 0)) {
        const double took =
            std::max(std::chrono::duration<double>(Clock::now() - began_).count(), least_s);
        parts.push_back(fmt::format(
            "{} file{}, {} in {:.1f} s, {}/s", files, files == 1 ? "" : "s", amount(bytes), took,
            amount(static_cast<std::uint64_t>(static_cast<double>(bytes) / took))));
    }
    if (parts_resumed_ > 0)
        parts.push_back(fmt::format("{} parts were there already", parts_resumed_.load()));
    if (deleted > 0) parts.push_back(fmt::format("{} deleted", deleted));
    // One failure alone has said it all.
    if (failures > 1 || (failures > 0 && !parts.empty()))
        parts.push_back(fmt::format("{} failed", failures));
    return fmt::format("{}", fmt::join(parts, "; "));
}

int Report::finish() {
    MutexLock lock(mutex_);
    clear();
    const std::string text = summary();
    if (!options_.quiet && !options_.dry_run && !text.empty()) say(text, true);
    std::fflush(stdout);
    return failures_ > 0 ? cli::failed : done;
}

}  // namespace weir::cli
