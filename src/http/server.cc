#include "http/server.h"

#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <thread>

#include "base/bytes.h"
#include "http/head_parser.h"
#include "http/reply_head.h"

namespace weir::http {
namespace {

constexpr std::size_t receive_bytes = 16 * 1024;
// A body that the handler left unread is read to its end only this far, else the connection ends.
constexpr std::uint64_t drained_bytes_max = 256 * KiB;
// Of a file whose bytes are checked before they are sent, at a time.
constexpr std::uint64_t checked_bytes = 8 * MiB;

// Counts one connection down, however its coroutine ends.
class Counted {
  public:
    explicit Counted(std::atomic<std::size_t>& count) : count_(count) {}
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    std::atomic<std::size_t>& count_;
};

}  // namespace

// One connection from its first request to its last.
class Server::Session {
  public:
    Session(Server& server, net::Connection& connection)
        : server_(server), parts_(server.parts_), connection_(connection), parser_(parts_.limits) {}

    net::Task<void> run() {
        if (!co_await connection_.handshake()) co_return;
        while (co_await serve_one()) {
        }
        co_await end();
    }

    // For a connection above the bound.
    net::Task<void> turn_away() {
        if (!co_await connection_.handshake()) co_return;
        co_await refuse(Error(Code::slow_down));
        co_await end();
    }

  private:
    // True if another request may follow.
    net::Task<bool> serve_one() {
        std::size_t head_bytes = 0;
        const Result<void> received = co_await receive_head(head_bytes);
        if (!received) {
            // Nobody to tell if nothing of a request had come.
            if (!buffer_.bytes().empty()) co_await refuse(received.error());
            co_return false;
        }
        if (head_bytes == 0) co_return false;
        buffer_.consume(head_bytes);
        RequestHead& head = parser_.head();
        head.peer = connection_.peer();
        BodyReader body(connection_, buffer_, head);
        connection_.set_timeout(parts_.limits.stall_timeout_ms);
        const Response response = co_await answer(head, body);
        // A refusal does not wait for the body that it refuses. A long reply does: a client that is
        // still sending may not read it.
        const bool is_short =
            response.files.empty() && !response.source && response.body.size() <= receive_bytes;
        bool drained = body.at_end() || (!is_short && co_await drain(body, response));
        const bool drains_later = !drained && is_short && is_worth_draining(body, response);
        const bool has_end = !response.source || head.knows_chunks;
        const bool keep = head.keep_alive && (drained || drains_later) && !response.close &&
                          has_end && !server_.draining();
        const std::uint64_t out_before = connection_.bytes_out();
        const Result<void> sent = co_await send(head, response, keep);
        // The file's fault, not the client's, who sees no more than an end.
        if (!sent && sent.error().code() == Code::corrupt)
            parts_.log.error("the reply to {} {} broke off: {}", head.method,
                             head.target.substr(0, head.target.find('?')), sent.error().message());
        if (response.on_sent) {
            const std::uint64_t out = connection_.bytes_out() - out_before;
            response.on_sent({.bytes_in = body.bytes_read(),
                              .bytes_out = out - std::min<std::uint64_t>(out, framing_bytes_),
                              .complete = sent.has_value()});
        }
        if (keep && drains_later && sent) drained = co_await drain(body, response);
        peer_may_send_ = !drained;
        co_return keep&& drained&& sent.has_value();
    }

    net::Task<Response> answer(const RequestHead& head, BodyReader& body) {
        // Some clients (the AWS CLI's botocore) read the next reply wrongly on a connection that
        // was kept without the 100 they asked for, even where there is no body.
        if (head.expects_continue && body.at_end())
            co_await connection_.write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"), true);
        try {
            co_return co_await parts_.handler.handle(head, body);
        } catch (const std::exception& exception) {
            parts_.log.error("a request of {} failed by an exception: {}", head.peer,
                             exception.what());
        }
        Response response = parts_.handler.refuse(Error(Code::internal_error));
        response.close = true;
        co_return response;
    }

    // Leaves `head_bytes` 0 when the client ended between requests.
    net::Task<Result<void>> receive_head(std::size_t& head_bytes) {
        connection_.set_timeout(parts_.limits.idle_timeout_ms);
        const auto limit = std::chrono::milliseconds(parts_.limits.head_timeout_ms);
        std::optional<std::chrono::steady_clock::time_point> until;  // set once a head has begun
        for (;;) {
            if (!buffer_.bytes().empty()) {
                CO_TRY(const std::optional<std::size_t> parsed, parser_.parse(buffer_.bytes()));
                if (parsed) {
                    head_bytes = *parsed;
                    co_return Result<void>();
                }
                // From a head's first byte to its last, not between bytes: a slow dribble is no
                // progress.
                const auto now = std::chrono::steady_clock::now();
                if (!until) until = now + limit;
                if (now >= *until) co_return fail(Code::request_timeout);
                const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - now);
                connection_.set_timeout(static_cast<std::uint64_t>(left.count()));
            }
            connection_.set_idle(!until);
            const Result<std::size_t> count =
                co_await connection_.read_some(buffer_.prepare(receive_bytes));
            connection_.set_idle(false);
            if (!count && count.error().code() == Code::timeout)
                co_return fail(Code::request_timeout);
            if (!count) co_return fail(count.error());
            if (*count == 0 && until) co_return fail(Code::incomplete_body);
            if (*count == 0) co_return Result<void>();
            buffer_.committed(*count);
        }
    }

    // A client that waits for 100 Continue and gets a final answer sends no body, or it may: end
    // the connection.
    static bool is_worth_draining(const BodyReader& body, const Response& response) {
        return body.asked_for() && !body.failed() && !response.close &&
               body.announced() <= drained_bytes_max;
    }

    // Whether the connection stands at the next request's first byte.
    net::Task<bool> drain(BodyReader& body, const Response& response) {
        if (body.at_end()) co_return true;
        if (!is_worth_draining(body, response)) co_return false;
        std::vector<std::byte> scratch(receive_bytes);
        const auto until = std::chrono::steady_clock::now() +
                           std::chrono::milliseconds(parts_.limits.stall_timeout_ms);
        for (std::uint64_t drained = 0; drained < drained_bytes_max;) {
            // All of it in that time: nobody gains by a byte now and then.
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                until - std::chrono::steady_clock::now());
            if (left.count() <= 0) co_return false;
            connection_.set_timeout(static_cast<std::uint64_t>(left.count()));
            const Result<std::size_t> count = co_await body.read_some(scratch);
            connection_.set_timeout(parts_.limits.stall_timeout_ms);
            if (!count) co_return false;
            if (body.at_end()) co_return true;
            drained += *count;
        }
        co_return false;
    }

    net::Task<Result<void>> send(const RequestHead& head, const Response& response, bool keep) {
        const bool for_head_request = head.method == "HEAD";
        const bool chunked = head.knows_chunks;
        write_reply_head(
            out_, response,
            {.for_head_request = for_head_request, .keep_alive = keep, .chunked = chunked},
            parts_.clock.now());
        framing_bytes_ = out_.size();
        if (response.source && !for_head_request) {
            CO_TRY_VOID(co_await connection_.write(as_bytes(out_), false));
            co_return co_await send(*response.source, chunked);
        }
        const std::uint64_t bytes =
            for_head_request || !may_have_body(response.status) ? 0 : body_bytes(response);
        if (bytes == 0) co_return co_await connection_.write(as_bytes(out_), false);
        if (response.files.empty())
            co_return co_await connection_.write(as_bytes(out_), as_bytes(response.body));
        CO_TRY_VOID(co_await connection_.write(as_bytes(out_), true));
        for (const FileRange& file : response.files) CO_TRY_VOID(co_await send(file));
        co_return Result<void>();
    }

    net::Task<Result<void>> send(const FileRange& file) {
        if (!file.check)
            co_return co_await connection_.send_file(*file.descriptor, file.offset, file.length);
        for (std::uint64_t sent = 0; sent < file.length;) {
            const std::uint64_t offset = file.offset + sent,
                                length = std::min(file.length - sent, checked_bytes);
            auto check = [&]() -> Result<void> {
                Result<void> good = file.check(offset, length);
                return good ? good : fail(Code::corrupt, std::string(good.error().message()));
            };
            CO_TRY_VOID(co_await connection_.run_on_pool(check));
            CO_TRY_VOID(co_await connection_.send_file(*file.descriptor, offset, length));
            sent += length;
        }
        co_return Result<void>();
    }

    net::Task<Result<void>> send(BodySource& source, bool chunked) {
        for (;;) {
            CO_TRY(const std::string piece, co_await source.next());
            if (chunked) {
                // An empty chunk is the last.
                out_ = fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
                framing_bytes_ += out_.size() - piece.size();
            } else {
                out_ = piece;
            }
            CO_TRY_VOID(co_await connection_.write(as_bytes(out_), false));
            if (piece.empty()) co_return Result<void>();
        }
    }

    net::Task<void> refuse(const Error& error) {
        const Code code = error.code();
        if (code == Code::cancelled || code == Code::io_error) co_return;
        const Response response = parts_.handler.refuse(error);
        const RequestHead nothing;
        co_await send(nothing, response, false);
        peer_may_send_ = true;
    }

    net::Task<void> end() {
        if (peer_may_send_) {
            co_await connection_.linger();
        } else {
            connection_.shutdown();
        }
    }

    Server& server_;
    const Parts& parts_;
    net::Connection& connection_;
    HeadParser parser_;
    ReceiveBuffer buffer_;
    std::string out_;
    std::uint64_t framing_bytes_ = 0;  // of the reply: its head, and the lines of its chunks
    bool peer_may_send_ = false;       // bytes that nobody will read
};

Result<void> Server::listen_tcp(const net::Address& address) {
    TRY(listener_, net::Listener::tcp(
                       parts_.cores, address,
                       [this](net::Core& core, int descriptor, std::string peer) {
                           accept(core, descriptor, std::move(peer));
                       },
                       parts_.log));
    return {};
}

Result<void> Server::listen_unix(const std::string& path) {
    TRY(listener_, net::Listener::unix_domain(
                       parts_.cores, path,
                       [this](net::Core& core, int descriptor, std::string peer) {
                           accept(core, descriptor, std::move(peer));
                       },
                       parts_.log));
    return {};
}

void Server::start() { listener_->start(); }

void Server::accept(net::Core& core, int descriptor, std::string peer) {
    if (draining_.load()) {
        ::close(descriptor);
        return;
    }
    // Past the bound and half as many again nobody is told why any more; over TLS telling costs a
    // handshake, which is what the bound is there to spare us.
    const std::size_t told_max = parts_.tls == nullptr ? parts_.limits.connections_max / 2 : 0;
    const std::size_t open = ++connections_;
    if (open > parts_.limits.connections_max + told_max) {
        ::close(descriptor);
        --connections_;
        return;
    }
    const bool welcome = open <= parts_.limits.connections_max;
    boost::asio::co_spawn(core.executor(), serve(core, descriptor, std::move(peer), welcome),
                          boost::asio::detached);
}

net::Task<void> Server::serve(net::Core& core, int descriptor, std::string peer, bool welcome) {
    const Counted counted(connections_);
    Result<std::unique_ptr<net::Stream>> stream =
        parts_.tls != nullptr ? parts_.tls->accept(descriptor) : net::plain_stream(descriptor);
    if (!stream) {
        parts_.log.error("a connection could not be taken: {}", stream.error().describe());
        ::close(descriptor);
        co_return;
    }
    net::Connection connection(core, descriptor, *std::move(stream), std::move(peer), parts_.pool);
    connection.set_timeout(parts_.limits.head_timeout_ms);
    Session session(*this, connection);
    co_await (welcome ? session.run() : session.turn_away());
}

void Server::drain() {
    draining_ = true;
    if (listener_) listener_->stop();
    parts_.handler.drain();
    const auto until = std::chrono::steady_clock::now() +
                       std::chrono::milliseconds(parts_.limits.drain_timeout_ms);
    while (connections_.load() > 0 && std::chrono::steady_clock::now() < until) {
        // A connection between requests would keep us until its idle timeout. More may become idle
        // meanwhile.
        for (const std::unique_ptr<net::Core>& core : parts_.cores.all())
            core->post([&core] { core->cut_off_idle(); });
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    for (const std::unique_ptr<net::Core>& core : parts_.cores.all())
        core->post([&core] { core->cut_off_all(); });
    while (connections_.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace weir::http
