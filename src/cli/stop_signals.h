#pragma once
// SIGTERM, SIGINT and SIGHUP as a call, on a thread of its own, so that what runs can end well.
//
// Made before any other thread, by whoever runs a command. The first signal calls `stop`, another
// one ends the process as it would have. SIGPIPE is ignored from here on: a broken connection is an
// error like others.

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace weir::cli {

class StopSignals {
  public:
    StopSignals();
    ~StopSignals() { end(); }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    // `now_and_then` is called a few times a second, from the same thread.
    void on_stop(std::function<void()> stop, std::function<void()> now_and_then);
    // Neither is called any more once this has returned.
    void end();

  private:
    void run(const std::function<void()>& stop, const std::function<void()>& now_and_then);

    sigset_t set_{};
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

}  // namespace weir::cli
