#pragma once
// Something that a coroutine waits for and any thread may announce: announced once or many times
// since the last wait, it ends the next one.
//
// Made for one coroutine on one core; shared with those who announce, since an announcement may be
// under way when the coroutine ends.

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "net/task.h"

namespace weir::net {

class Wakeup : public std::enable_shared_from_this<Wakeup> {
  public:
    static std::shared_ptr<Wakeup> make(const Executor& executor);

    // From any thread; never blocks.
    void announce();
    // On the core. True once something was announced, false at `until`.
    Task<bool> wait(std::chrono::steady_clock::time_point until);

  private:
    explicit Wakeup(const Executor& executor) : executor_(executor), timer_(executor) {}

    Executor executor_;
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
        timer_;
    std::atomic<bool> announced_ = false;
};

}  // namespace weir::net
