#include "http/server.h"

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <chrono>
#include <ctime>
#include <thread>

#include "base/bytes.h"
#include "http/head_parser.h"

namespace weir::http {
namespace {

constexpr std::size_t receive_bytes = 16 * 1024;
// A body that the handler left unread is read to its end only this far, else the connection ends.
constexpr std::uint64_t drained_bytes_max = 256 * KiB;
constexpr std::string_view server_name = "Weir";

std::string_view reason(unsigned status) {
    switch (status) {
        case 200:
            return "OK";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 416:
            return "Range Not Satisfiable";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 507:
            return "Insufficient Storage";
        default:
            return "Status";
    }
}

// Made once a second, read by every reply of the core's thread.
std::string_view http_date(UnixNanos now) {
    thread_local std::time_t made_for = 0;
    thread_local char text[40] = {};
    const auto seconds = static_cast<std::time_t>(now / nanos_per_second);
    if (seconds != made_for) {
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made_for = seconds;
    }
    return text;
}

bool has_no_body(unsigned status) { return status == 204 || status == 304; }

std::uint64_t body_bytes(const Response& response) {
    std::uint64_t bytes = response.body.size();
    for (const FileRange& file : response.files) bytes += file.length;
    return bytes;
}

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
        connection_.shutdown();
    }

  private:
    // True if another request may follow.
    net::Task<bool> serve_one() {
        std::optional<HeadParser::Parsed> parsed;
        Result<void> received = co_await receive_head(parsed);
        if (!received) {
            // Nobody to tell if nothing of a request had come.
            if (!buffer_.bytes().empty()) co_await refuse(received.error());
            co_return false;
        }
        if (!parsed) co_return false;
        buffer_.consume(parsed->consumed);
        RequestHead& head = parsed->head;
        head.peer = connection_.peer();
        const std::uint64_t bytes_in_before = connection_.bytes_in(),
                            bytes_out_before = connection_.bytes_out();
        BodyReader body(connection_, buffer_, head);
        connection_.set_timeout(parts_.limits.stall_timeout_ms);
        Response response = co_await parts_.handler.handle(head, body);
        const bool drained = co_await drain(body, response);
        const bool keep = head.keep_alive && drained && !response.close && !server_.draining();
        const Result<void> sent = co_await send(head, response, keep);
        if (response.on_sent) {
            response.on_sent(
                {.bytes_in = connection_.bytes_in() - bytes_in_before + parsed->consumed,
                 .bytes_out = connection_.bytes_out() - bytes_out_before,
                 .complete = sent.has_value()});
        }
        co_return keep&& sent.has_value();
    }

    // Leaves `parsed` empty when the client ended between requests.
    net::Task<Result<void>> receive_head(std::optional<HeadParser::Parsed>& parsed) {
        connection_.set_timeout(parts_.limits.idle_timeout_ms);
        bool begun = !buffer_.bytes().empty();
        const auto begin = std::chrono::steady_clock::now();
        for (;;) {
            if (begun) {
                CO_TRY(parsed, parser_.parse(buffer_.bytes()));
                if (parsed) co_return Result<void>();
                // From a head's first byte to its last, not between bytes: a slow dribble is no
                // progress.
                const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::steady_clock::now() - begin);
                const auto limit = std::chrono::milliseconds(parts_.limits.head_timeout_ms);
                if (spent >= limit) co_return fail(Code::request_timeout);
                connection_.set_timeout(static_cast<std::uint64_t>((limit - spent).count()));
            }
            connection_.set_idle(!begun);
            const Result<std::size_t> count =
                co_await connection_.read_some(buffer_.prepare(receive_bytes));
            connection_.set_idle(false);
            if (!count) {
                if (count.error().code() == Code::timeout) co_return fail(Code::request_timeout);
                co_return fail(count.error());
            }
            if (*count == 0) {
                if (begun) co_return fail(Code::incomplete_body);
                co_return Result<void>();
            }
            buffer_.committed(*count);
            begun = true;
        }
    }

    // Whether the connection stands at the next request's first byte.
    net::Task<bool> drain(BodyReader& body, const Response& response) {
        if (body.at_end()) co_return true;
        // A client that waits for 100 Continue and gets a final answer sends no body, or it may:
        // end the connection.
        if (!body.asked_for() || response.close) co_return false;
        std::vector<std::byte> scratch(receive_bytes);
        for (std::uint64_t drained = 0; drained < drained_bytes_max;) {
            const Result<std::size_t> count = co_await body.read_some(scratch);
            if (!count) co_return false;
            if (body.at_end()) co_return true;
            drained += *count;
        }
        co_return false;
    }

    void write_head(const RequestHead& head, const Response& response, bool keep) {
        out_.clear();
        fmt::format_to(std::back_inserter(out_), "HTTP/1.1 {} {}\r\nDate: {}\r\nServer: {}\r\n",
                       response.status, reason(response.status), http_date(parts_.clock.now()),
                       server_name);
        for (const auto& [name, value] : response.fields)
            fmt::format_to(std::back_inserter(out_), "{}: {}\r\n", name, value);
        const bool head_only = head.method == "HEAD";
        if (!has_no_body(response.status)) {
            const std::uint64_t length =
                head_only ? response.content_length.value_or(body_bytes(response))
                          : body_bytes(response);
            fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n", length);
        }
        out_ += keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
    }

    net::Task<Result<void>> send(const RequestHead& head, const Response& response, bool keep) {
        write_head(head, response, keep);
        const bool no_body = has_no_body(response.status) || head.method == "HEAD";
        if (no_body) co_return co_await connection_.write(as_bytes(out_), false);
        if (response.files.empty())
            co_return co_await connection_.write(as_bytes(out_), as_bytes(response.body));
        CO_TRY_VOID(co_await connection_.write(as_bytes(out_), true));
        for (const FileRange& file : response.files)
            CO_TRY_VOID(co_await connection_.send_file(*file.descriptor, file.offset, file.length));
        co_return Result<void>();
    }

    net::Task<void> refuse(const Error& error) {
        const Code code = error.code();
        if (code == Code::cancelled || code == Code::io_error) co_return;
        Response response = parts_.handler.refuse(error);
        const RequestHead nothing;
        co_await send(nothing, response, false);
    }

    Server& server_;
    const Parts& parts_;
    net::Connection& connection_;
    HeadParser parser_;
    ReceiveBuffer buffer_;
    std::string out_;
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
    // Past the bound and half as many again nobody is told why any more.
    const std::size_t open = ++connections_;
    if (open > parts_.limits.connections_max + parts_.limits.connections_max / 2) {
        ::close(descriptor);
        --connections_;
        return;
    }
    boost::asio::co_spawn(core.executor(), serve(core, descriptor, std::move(peer)),
                          boost::asio::detached);
}

net::Task<void> Server::serve(net::Core& core, int descriptor, std::string peer) {
    Result<std::unique_ptr<net::Stream>> stream =
        parts_.tls != nullptr ? parts_.tls->accept(descriptor) : net::plain_stream(descriptor);
    if (!stream) {
        parts_.log.error("a connection could not be taken: {}", stream.error().describe());
        ::close(descriptor);
        --connections_;
        co_return;
    }
    {
        net::Connection connection(core, descriptor, *std::move(stream), std::move(peer),
                                   parts_.pool);
        connection.set_timeout(parts_.limits.head_timeout_ms);
        if (connections_.load() > parts_.limits.connections_max) {
            const Response response = parts_.handler.refuse(Error(Code::slow_down));
            const std::string head = fmt::format(
                "HTTP/1.1 {} {}\r\nContent-Length: {}\r\nContent-Type: "
                "application/xml\r\nConnection: close\r\n\r\n",
                response.status, reason(response.status), response.body.size());
            const Result<void> shaken = co_await connection.handshake();
            if (shaken) co_await connection.write(as_bytes(head), as_bytes(response.body));
            connection.shutdown();
        } else {
            Session session(*this, connection);
            co_await session.run();
        }
    }
    --connections_;
}

void Server::drain() {
    draining_ = true;
    if (listener_) listener_->stop();
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
