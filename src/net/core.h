#pragma once
// One core = one event loop on one thread. A connection lives on one core for life; nothing on a
// core ever waits for a disk or a lock that is held while somebody does.
//
// Cores are owned by main() through `Cores`; main() ignores SIGPIPE, since neither sendfile nor
// OpenSSL can ask for an error instead. post() is safe from any thread, the rest is for the core's
// own thread.

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "net/task.h"

namespace weir::net {

class Connection;

class Core {
  public:
    Core();
    ~Core() { stop(); }

    void start();
    // Ends the loop when what runs has been cancelled; call after every connection is gone.
    void stop();

    boost::asio::io_context& context() { return context_; }
    Executor executor() { return context_.get_executor(); }
    void post(std::function<void()> work);

    // Counts what connections do; a big reply sees by it whether others use the core at the same
    // time.
    std::uint64_t turns() const { return turns_; }
    void take_turn() { ++turns_; }

    // Open, or on the way here from a listener.
    std::size_t connections() const { return connections_.load(); }
    // For listeners, from any thread: runs `accepted` on the core and counts its connection from
    // now on.
    void hand_over(std::function<void()> accepted);
    void add(Connection& connection);
    void remove(Connection& connection);
    // Cuts connections off: their operations end with cancelled.
    void cut_off_all();
    void cut_off_idle();

  private:
    Task<void> watch_deadlines();

    // Before the context, whose end may still destroy connections.
    std::set<Connection*> open_;
    std::atomic<std::size_t> connections_ = 0;
    std::uint64_t turns_ = 0;
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<Executor> work_;
    std::thread thread_;
};

class Cores {
  public:
    explicit Cores(std::size_t count);
    void start();
    void stop();
    // Returns when all that was posted to any core before has run. Call from any thread but the
    // cores'.
    void settle();
    // The one with the fewest connections.
    Core& least_loaded();
    Core& first() { return *cores_.front(); }
    std::size_t connections() const;
    std::vector<std::unique_ptr<Core>>& all() { return cores_; }

  private:
    std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace weir::net
