#pragma once
// One core = one event loop on one thread. A connection lives on one core for life; nothing on a
// core ever waits for a disk or a lock that is held while somebody does.
//
// Cores are owned by main() through `Cores`. post() is safe from any thread, the rest is for the
// core's own thread.

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

    // Connections whose bytes are on the way: more than one means that a big reply yields.
    std::size_t busy() const { return busy_; }
    void enter_busy() { ++busy_; }
    void leave_busy() { --busy_; }

    std::size_t connections() const { return connections_.load(); }
    void add(Connection& connection);
    void remove(Connection& connection);
    // Cuts connections off: their operations end with cancelled.
    void cut_off_all();
    void cut_off_idle();

  private:
    Task<void> watch_deadlines();

    boost::asio::io_context context_;
    boost::asio::executor_work_guard<Executor> work_;
    std::set<Connection*> open_;
    std::atomic<std::size_t> connections_ = 0;
    std::size_t busy_ = 0;
    std::thread thread_;
};

class Cores {
  public:
    explicit Cores(std::size_t count);
    void start();
    void stop();
    // The one with the fewest connections.
    Core& least_loaded();
    Core& first() { return *cores_.front(); }
    std::size_t connections() const;
    std::vector<std::unique_ptr<Core>>& all() { return cores_; }

  private:
    std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace weir::net
