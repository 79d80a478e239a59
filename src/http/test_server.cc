#include "http/test_server.h"

#include <fmt/format.h>

#include <csignal>
#include <stdexcept>

#include "base/bytes.h"
#include "base/check.h"

namespace weir::http::test {
namespace {

class Pieces final : public BodySource {
  public:
    Pieces(std::vector<std::string> pieces, std::atomic<std::uint64_t>& asked)
        : pieces_(std::move(pieces)), asked_(asked) {}

    net::Task<Result<std::string>> next() override {
        ++asked_;
        if (at_ == pieces_.size()) co_return std::string();
        if (pieces_[at_] == "broken") co_return fail(Code::internal_error);
        co_return pieces_[at_++];
    }

  private:
    std::vector<std::string> pieces_;
    std::size_t at_ = 0;
    std::atomic<std::uint64_t>& asked_;
};

class Endless final : public BodySource {
  public:
    explicit Endless(ToyHandler& handler) : handler_(handler) {}

    net::Task<Result<std::string>> next() override {
        ++handler_.pieces_asked;
        if (std::exchange(ended_, handler_.draining.load())) co_return std::string();
        co_return ended_ ? "end" : std::string(64 * 1024, 'x');
    }

  private:
    ToyHandler& handler_;
    bool ended_ = false;
};

}  // namespace

net::Task<Response> ToyHandler::echo(BodyReader& body) {
    Response response;
    std::vector<std::byte> buffer(10'000);
    for (;;) {
        const Result<std::size_t> count = co_await body.read_some(buffer);
        if (!count) co_return refuse(count.error());
        if (*count == 0) co_return response;
        response.body += as_text(std::span(buffer).first(*count));
    }
}

net::Task<Response> ToyHandler::wait() {
    ++waiting;
    auto work = [this]() -> Result<void> {
        opened_.wait();
        return {};
    };
    co_await net::run_blocking(pool_, work);
    Response response;
    response.body = "waited";
    co_return response;
}

net::Task<Response> ToyHandler::handle(const RequestHead& head, BodyReader& body) {
    Response response;
    if (head.target == "/echo") response = co_await echo(body);
    if (head.target == "/unread") response.status = 403;
    if (head.target == "/fields") {
        response.body = fmt::format("{} {}\n", head.method, head.target);
        for (const Field& field : head.fields)
            response.body += fmt::format("{}={}\n", field.name, field.value);
    }
    if (head.target == "/throw") throw std::runtime_error("thrown");
    if (head.target == "/broken-field")
        response.fields.emplace_back("X-Broken", "a\r\nX-Injected: b");
    if (head.target == "/wait") response = co_await wait();
    if (head.target == "/files") response.files = files;
    if (head.target == "/close") response.close = true;
    if (head.target == "/pieces") response.source = std::make_unique<Pieces>(pieces, pieces_asked);
    if (head.target == "/endless") response.source = std::make_unique<Endless>(*this);
    if (head.target == "/no-content") response.status = 204;
    response.on_sent = [this](const Sent& sent) {
        bytes_sent += sent.bytes_out;
        ++(sent.complete ? replies_sent : replies_cut);
    };
    co_return response;
}

Response ToyHandler::refuse(const Error& error) {
    Response response;
    response.status = info(error.code()).http_status;
    response.body = info(error.code()).s3_code;
    response.close = true;
    return response;
}

TestServer::TestServer(const Limits& limits_in, net::TlsContext* tls, const std::string& unix_path)
    : limits(limits_in), server({cores, pool, handler, tls, limits, clock, *log}) {
    std::signal(SIGPIPE, SIG_IGN);
    const Result<void> listening = unix_path.empty()
                                       ? server.listen_tcp({.host = "127.0.0.1", .port = 0})
                                       : server.listen_unix(unix_path);
    CHECK(listening.has_value());
    cores.start();
    server.start();
}

TestServer::~TestServer() {
    server.drain();
    cores.stop();
    pool.stop();
}

}  // namespace weir::http::test
