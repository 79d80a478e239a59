#include "cli/stop_signals.h"

#include <pthread.h>

#include <ctime>
#include <utility>

namespace weir::cli {
namespace {

constexpr timespec slice{.tv_sec = 0, .tv_nsec = 200'000'000};
// Wakes our own thread.
constexpr int wake = SIGUSR1;

void unblock(int signal) {
    sigset_t one{};
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, wake}) ::sigaddset(&set_, signal);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

void StopSignals::end() {
    ended_ = true;
    if (!thread_.joinable()) return;
    ::pthread_kill(thread_.native_handle(), wake);
    thread_.join();
}

void StopSignals::on_stop(std::function<void()> stop, std::function<void()> now_and_then) {
    thread_ = std::thread(
        [this, stop = std::move(stop), tick = std::move(now_and_then)] { run(stop, tick); });
}

void StopSignals::run(const std::function<void()>& stop,
                      const std::function<void()>& now_and_then) {
    while (!ended_) {
        const int signal = ::sigtimedwait(&set_, nullptr, &slice);
        if (signal < 0) now_and_then();
        if (signal < 0 || signal == wake) continue;
        for (const int each : {SIGTERM, SIGINT, SIGHUP}) {
            ::sigdelset(&set_, each);
            std::signal(each, SIG_DFL);
            unblock(each);
        }
        stop();
    }
}

}  // namespace weir::cli
