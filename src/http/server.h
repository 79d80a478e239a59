#pragma once
// An HTTP/1.1 server on Cores: keep-alive, pipelining, 100-continue, chunked bodies, sendfile,
// drain. What a request means is the Handler's; protocol errors are shaped by it too, so that S3
// clients get XML.
//
// Owned by main(). start() and drain() from any thread but the cores'; handlers run on cores.

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/log.h"
#include "http/body_reader.h"
#include "http/message.h"
#include "io/blocking_pool.h"
#include "net/listener.h"
#include "net/tls.h"

namespace weir::http {

class Handler {
  public:
    virtual ~Handler() = default;
    virtual net::Task<Response> handle(const RequestHead& head, BodyReader& body) = 0;
    // The answer to what is no request: a bad head, too many connections.
    virtual Response refuse(const Error& error) = 0;
    // The server drains: replies that only the handler ends, it ends soon. By drain()'s thread.
    virtual void drain() {}
};

class Server {
  public:
    struct Parts {
        net::Cores& cores;
        io::BlockingPool& pool;
        Handler& handler;
        net::TlsContext* tls;  // nullptr: plain
        const Limits& limits;
        const Clock& clock;
        Log& log;
    };

    explicit Server(const Parts& parts) : parts_(parts) {}

    Result<void> listen_tcp(const net::Address& address);
    Result<void> listen_unix(const std::string& path);
    void start();

    // No new connection; idle ones end; requests that run may finish until the drain timeout, then
    // are cut off. Returns when every connection is gone.
    void drain();

    const net::Address& address() const { return listener_->address(); }
    std::size_t connections() const { return connections_.load(); }
    bool draining() const { return draining_.load(); }

  private:
    class Session;

    void accept(net::Core& core, int descriptor, std::string peer);
    net::Task<void> serve(net::Core& core, int descriptor, std::string peer, bool welcome);

    const Parts parts_;
    std::unique_ptr<net::Listener> listener_;
    std::atomic<std::size_t> connections_ = 0;
    std::atomic<bool> draining_ = false;
};

}  // namespace weir::http
