#pragma once
// What a command tells its user: how far it is (on a terminal), what it did, what failed, and the
// exit code that follows.
//
// Owned by the command; safe from any thread. It does not fail: what cannot be written is not read.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/mutex.h"
#include "cli/s3/progress_line.h"

namespace weir::cli {

struct ReportOptions {
    bool quiet = false;    // failures only
    bool verbose = false;  // a line for each file
    bool dry_run = false;
};

class Report {
  public:
    explicit Report(const ReportOptions& options);
    ~Report();
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;

    void plan(std::uint64_t bytes);
    void all_planned() { all_planned_ = true; }
    void moved(std::uint64_t bytes) { bytes_ += bytes; }
    // "upload: a to s3://b/a"; of a dry run, what would have been done.
    void did(std::string_view verb, std::string_view what);
    // "upload: a to s3://b/a" failed.
    void failed(std::string_view what, const Error& error);
    // All of it did.
    void failed(const Error& error);
    // A sentence about what could not be taken: as bad as a failure.
    void problem(std::string_view sentence);
    void deleted(std::string_view what);
    // Parts of an earlier upload that were not sent again.
    void resumed(unsigned parts) { parts_resumed_ += parts; }

    std::uint64_t failures() const { return failures_; }
    // Draws; a few times a second.
    void tick();
    // Takes the line away, says how it ended, and with which code.
    int finish();

  private:
    void say(std::string_view line, bool to_stderr) REQUIRES(mutex_);
    void clear() REQUIRES(mutex_);
    void measure() REQUIRES(mutex_);
    std::string summary() const;

    using Clock = std::chrono::steady_clock;
    const ReportOptions options_;
    const bool draws_;
    const Clock::time_point began_ = Clock::now();
    std::atomic<std::uint64_t> files_{0}, bytes_{0}, files_planned_{0}, bytes_planned_{0};
    std::atomic<std::uint64_t> deleted_{0}, failures_{0}, parts_resumed_{0};
    std::atomic<bool> all_planned_{false};
    Mutex mutex_;
    bool drawn_ GUARDED_BY(mutex_) = false;
    double bytes_per_second_ GUARDED_BY(mutex_) = 0;
    std::uint64_t measured_bytes_ GUARDED_BY(mutex_) = 0;
    Clock::time_point measured_ GUARDED_BY(mutex_) = Clock::now();
};

}  // namespace weir::cli
