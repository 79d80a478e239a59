#pragma once
// The connections of one client, kept between requests and bounded in number. Private to client.
//
// Owned by its S3Client, outlives its Leases; safe from any thread. Failure: slow_down where no
// connection became free in time, and what net::ClientConnection::connect fails with.

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "base/limits.h"
#include "base/mutex.h"
#include "base/result.h"
#include "http/client_session.h"
#include "net/client_connection.h"

namespace weir::client {

class ConnectionPool;

// One connection, for one request at a time. Goes back where another request can follow.
class Lease {
  public:
    Lease(ConnectionPool& pool, std::string host, std::unique_ptr<http::ClientSession> session,
          bool reused)
        : pool_(&pool), host_(std::move(host)), session_(std::move(session)), reused_(reused) {}
    ~Lease();
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;

    http::ClientSession& session() { return *session_; }
    // It has rested since its last request: the server may have closed it meanwhile.
    bool reused() const { return reused_; }

  private:
    ConnectionPool* pool_;
    std::string host_;
    std::unique_ptr<http::ClientSession> session_;  // null once moved from
    bool reused_;
};

class ConnectionPool {
  public:
    ConnectionPool(const ClientLimits& limits, std::uint16_t port, net::TlsClientContext* tls)
        : limits_(limits), port_(port), tls_(tls) {}

    // `fresh`: not one that rested.
    Result<Lease> take(const std::string& host, const net::Patience& patience, bool fresh);
    // Closes those that rested too long.
    void trim();

    std::size_t open() const;
    std::uint64_t made() const;

  private:
    friend class Lease;
    struct Resting {
        std::string host;
        std::unique_ptr<http::ClientSession> session;
        std::chrono::steady_clock::time_point since;
    };

    void give_back(std::string host, std::unique_ptr<http::ClientSession> session);
    std::unique_ptr<http::ClientSession> take_resting(const std::string& host) EXCLUDES(mutex_);
    Result<void> take_slot(const net::Patience& patience) EXCLUDES(mutex_);
    void free_slot() EXCLUDES(mutex_);

    const ClientLimits& limits_;
    const std::uint16_t port_;
    net::TlsClientContext* const tls_;
    mutable Mutex mutex_;
    ConditionVariable slot_free_;
    std::deque<Resting> resting_ GUARDED_BY(mutex_);  // the last one to rest is the first to work
    std::size_t open_ GUARDED_BY(mutex_) = 0;         // resting ones included
    std::uint64_t made_ GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::client
