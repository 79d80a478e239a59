#include "client/connection_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace weir::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Who waits for a connection looks so often whether he is to stop.
constexpr milliseconds wait_slice{50};

}  // namespace

Lease::~Lease() {
    if (session_) pool_->give_back(std::move(host_), std::move(session_));
}

void ConnectionPool::give_back(std::string host, std::unique_ptr<http::ClientSession> session) {
    if (!session->reusable()) {
        session.reset();
        free_slot();
        return;
    }
    MutexLock lock(mutex_);
    resting_.push_back(
        {.host = std::move(host), .session = std::move(session), .since = steady_clock::now()});
    slot_free_.notify_one();
}

void ConnectionPool::free_slot() {
    MutexLock lock(mutex_);
    --open_;
    slot_free_.notify_one();
}

std::unique_ptr<http::ClientSession> ConnectionPool::take_resting(const std::string& host) {
    for (;;) {
        std::unique_ptr<http::ClientSession> session;
        {
            MutexLock lock(mutex_);
            const auto found =
                std::find_if(resting_.rbegin(), resting_.rend(),
                             [&host](const Resting& resting) { return resting.host == host; });
            if (found == resting_.rend()) return nullptr;
            const auto rested = steady_clock::now() - found->since;
            if (rested < milliseconds(limits_.connection_idle_ms))
                session = std::move(found->session);
            resting_.erase(std::next(found).base());
            if (!session) --open_;
        }
        if (session && session->at_rest()) return session;
        if (session) free_slot();
    }
}

Result<void> ConnectionPool::take_slot(const net::Patience& patience) {
    auto end = steady_clock::now() + milliseconds(limits_.call_timeout_ms);
    if (patience.deadline) end = std::min(end, *patience.deadline);
    std::unique_ptr<http::ClientSession> closed;  // after the lock
    MutexLock lock(mutex_);
    while (open_ >= limits_.connections_max) {
        // Of another host: this one has none at rest.
        if (!resting_.empty()) {
            closed = std::move(resting_.front().session);
            resting_.pop_front();
            --open_;
            break;
        }
        if (net::interrupted(patience.interrupts)) return fail(Code::cancelled);
        if (steady_clock::now() >= end)
            return fail(Code::slow_down, fmt::format("all {} connections of the client are in use",
                                                     limits_.connections_max));
        slot_free_.wait_for(mutex_, wait_slice);
    }
    ++open_;
    return {};
}

Result<Lease> ConnectionPool::take(const std::string& host, const net::Patience& patience,
                                   bool fresh) {
    if (!fresh)
        if (std::unique_ptr<http::ClientSession> session = take_resting(host)) {
            session->set_patience(patience);
            return Lease(*this, host, std::move(session), true);
        }
    TRY_VOID(take_slot(patience));
    Result<std::unique_ptr<net::ClientConnection>> connection =
        net::ClientConnection::connect({.host = host, .port = port_, .tls = tls_},
                                       milliseconds(limits_.connect_timeout_ms), patience);
    if (!connection) {
        free_slot();
        return fail(connection.error());
    }
    {
        MutexLock lock(mutex_);
        ++made_;
    }
    return Lease(*this, host,
                 std::make_unique<http::ClientSession>(*std::move(connection), limits_), false);
}

void ConnectionPool::trim() {
    std::vector<Resting> closed;  // after the lock
    MutexLock lock(mutex_);
    const auto too_long = steady_clock::now() - milliseconds(limits_.connection_idle_ms);
    while (!resting_.empty() && resting_.front().since <= too_long) {
        closed.push_back(std::move(resting_.front()));
        resting_.pop_front();
        --open_;
    }
}

std::size_t ConnectionPool::open() const {
    MutexLock lock(mutex_);
    return open_;
}

std::uint64_t ConnectionPool::made() const {
    MutexLock lock(mutex_);
    return made_;
}

}  // namespace weir::client
