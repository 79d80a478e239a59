#pragma once
// For tests: a Server on cores of its own, with a handler whose targets each do one thing that
// handlers do.

#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "base/log.h"
#include "http/server.h"
#include "net/blocking.h"

namespace weir::http::test {

// /echo answers the body; /unread does not look at it; /fields what was asked; /throw by an
// exception; /broken-field with a field that holds a line break; /wait once `gate` opens; /files
// with `files`; /close and ends the connection; /no-content with 204.
class ToyHandler final : public Handler {
  public:
    explicit ToyHandler(io::BlockingPool& pool) : pool_(pool) {}

    net::Task<Response> handle(const RequestHead& head, BodyReader& body) override;
    Response refuse(const Error& error) override;
    void drain() override { draining = true; }

    std::vector<FileRange> files;
    std::vector<std::string> pieces;
    std::atomic<bool> draining = false;
    std::atomic<std::uint64_t> pieces_asked = 0;
    std::atomic<std::uint64_t> bytes_sent = 0;  // by on_sent
    std::promise<void> gate;
    std::atomic<int> waiting = 0;       // requests at the gate
    std::atomic<int> replies_sent = 0;  // by on_sent
    std::atomic<int> replies_cut = 0;

  private:
    net::Task<Response> echo(BodyReader& body);
    net::Task<Response> wait();

    io::BlockingPool& pool_;
    std::shared_future<void> opened_ = gate.get_future().share();
};

struct TestServer {
    explicit TestServer(const Limits& limits_in = {}, net::TlsContext* tls = nullptr,
                        const std::string& unix_path = {});
    ~TestServer();

    std::uint16_t port() const { return server.address().port; }

    const Limits limits;
    SystemClock clock;
    std::shared_ptr<Log> log = null_log();
    io::BlockingPool pool{4, 64};
    ToyHandler handler{pool};
    net::Cores cores{2};
    Server server;
};

}  // namespace weir::http::test
