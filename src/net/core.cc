#include "net/core.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <future>

#include "net/connection.h"

namespace weir::net {
namespace {

// Deadlines are kept to this; a timer for each operation would cost more than the operation.
constexpr std::chrono::milliseconds deadline_tick(250);

}  // namespace

Core::Core() : context_(1), work_(context_.get_executor()) {}

void Core::start() {
    boost::asio::co_spawn(context_, watch_deadlines(), boost::asio::detached);
    thread_ = std::thread([this] { context_.run(); });
}

void Core::stop() {
    work_.reset();
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

void Core::post(std::function<void()> work) { boost::asio::post(context_, std::move(work)); }

void Core::hand_over(std::function<void()> accepted) {
    ++connections_;
    post([this, run = std::move(accepted)] {
        run();
        // After what it posted, so that the count does not dip before a Connection is there.
        post([this] { --connections_; });
    });
}

void Core::add(Connection& connection) {
    open_.insert(&connection);
    ++connections_;
}

void Core::remove(Connection& connection) {
    open_.erase(&connection);
    --connections_;
}

void Core::cut_off_all() {
    for (Connection* connection : open_) connection->cut_off();
}

void Core::cut_off_idle() {
    for (Connection* connection : open_)
        if (connection->idle()) connection->cut_off();
}

Task<void> Core::watch_deadlines() {
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
        timer(context_);
    for (;;) {
        timer.expires_after(deadline_tick);
        co_await timer.async_wait(use_task);
        const auto now = std::chrono::steady_clock::now();
        for (Connection* connection : open_) connection->check_deadline(now);
    }
}

Cores::Cores(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) cores_.push_back(std::make_unique<Core>());
}

void Cores::start() {
    for (const std::unique_ptr<Core>& core : cores_) core->start();
}

void Cores::stop() {
    for (const std::unique_ptr<Core>& core : cores_) core->stop();
}

void Cores::settle() {
    for (const std::unique_ptr<Core>& core : cores_) {
        std::promise<void> reached;
        core->post([&reached] { reached.set_value(); });
        reached.get_future().wait();
    }
}

Core& Cores::least_loaded() {
    return **std::ranges::min_element(
        cores_, {}, [](const std::unique_ptr<Core>& core) { return core->connections(); });
}

std::size_t Cores::connections() const {
    std::size_t total = 0;
    for (const std::unique_ptr<Core>& core : cores_) total += core->connections();
    return total;
}

}  // namespace weir::net
