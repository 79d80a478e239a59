#include "http/client_session.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/bytes.h"
#include "http/scripted_peer.h"
#include "http/test_server.h"
#include "net/tls.h"

namespace weir::http {
namespace {

using test::ScriptedPeer;

std::unique_ptr<ClientSession> session_to(std::uint16_t port, const ClientLimits& limits,
                                          const net::Patience& patience = {}) {
    auto connection = net::ClientConnection::connect({.host = "127.0.0.1", .port = port},
                                                     std::chrono::milliseconds(5000), patience);
    EXPECT_TRUE(connection) << connection.error().describe();
    return std::make_unique<ClientSession>(*std::move(connection), limits);
}

Result<std::string> read_all(ClientSession& session, std::size_t step = 1000) {
    std::string body;
    std::vector<std::byte> buffer(step);
    for (;;) {
        TRY(const std::size_t count, session.read_some(buffer));
        if (count == 0) return body;
        body += as_text(std::span(buffer).first(count));
    }
}

std::string head_of(std::string_view request_line, std::string_view fields = "") {
    return std::string(request_line) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

TEST(ClientSession, AsksOneAfterTheOther) {
    test::TestServer server;
    const ClientLimits limits;
    const auto session = session_to(server.port(), limits);
    const std::string body(300'000, 'x');
    const std::span<const std::byte> pieces[] = {as_bytes(body), as_bytes("end")};
    for (int i = 0; i < 3; ++i) {
        const std::string head = head_of("PUT /echo", "Content-Length: 300003\r\n");
        const auto reply = session->ask({.head = head, .pieces = pieces});
        ASSERT_TRUE(reply) << reply.error().describe();
        EXPECT_EQ((*reply)->status, 200u);
        EXPECT_FALSE(session->reusable()) << "its body is not read yet";
        EXPECT_EQ(read_all(*session, 70'000).value(), body + "end");
        EXPECT_TRUE(session->at_rest());
    }
}

TEST(ClientSession, SendsFilesAndWaitsForLeave) {
    test::TestServer server;
    const ClientLimits limits;
    const auto session = session_to(server.port(), limits);
    char path[] = "/tmp/weir-session-XXXXXX";
    const int file = ::mkstemp(path);
    ::unlink(path);
    const std::string content(2'000'000, 'f');
    ASSERT_EQ(::write(file, content.data(), content.size()), 2'000'000);
    const std::string head =
        head_of("PUT /echo", "Content-Length: 1999000\r\nExpect: 100-continue\r\n");
    const auto reply = session->ask({.head = head,
                                     .expects_continue = true,
                                     .file = file,
                                     .file_offset = 1000,
                                     .file_length = 1'999'000});
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(read_all(*session, 100'000).value().size(), 1'999'000u);
    EXPECT_TRUE(session->reusable());
    ::close(file);
}

TEST(ClientSession, DoesNotSendWhatIsRefused) {
    test::TestServer server;
    const ClientLimits limits;
    const auto session = session_to(server.port(), limits);
    const std::string body(2'000'000, 'x');
    const std::span<const std::byte> pieces[] = {as_bytes(body)};
    const std::string head =
        head_of("PUT /unread", "Content-Length: 2000000\r\nExpect: 100-continue\r\n");
    const auto reply = session->ask({.head = head, .expects_continue = true, .pieces = pieces});
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ((*reply)->status, 403u);
    EXPECT_FALSE(session->body_sent());
    EXPECT_TRUE(read_all(*session));
    EXPECT_FALSE(session->reusable());
}

TEST(ClientSession, SeesAReplyThatComesBeforeTheBodyIsSent) {
    // More than sockets hold, so that sending must stop for the reply.
    ScriptedPeer peer({"HTTP/1.1 503 Slow Down\r\nContent-Length: 2\r\n\r\nno"},
                      {.read_bytes = 1000, .hold = true});
    const ClientLimits limits;
    const auto session = session_to(peer.port(), limits);
    const std::string body(64'000'000, 'x');
    const std::span<const std::byte> pieces[] = {as_bytes(body)};
    const std::string head = head_of("PUT /", "Content-Length: 64000000\r\n");
    const auto reply = session->ask({.head = head, .pieces = pieces});
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ((*reply)->status, 503u);
    EXPECT_EQ(read_all(*session).value(), "no");
    EXPECT_FALSE(session->reusable());
}

TEST(ClientSession, ReadsEachKindOfBody) {
    const struct {
        std::string reply;
        std::string body;
        bool reusable;
    } table[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: t\r\n\r\n",
         "hello", true},
        {"HTTP/1.1 200 OK\r\n\r\nhello", "hello", false},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
         "hello", true},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
    };
    const ClientLimits limits;
    for (const auto& row : table)
        for (const std::size_t step : {1ul, 3ul, 1000ul}) {
            // In pieces, too.
            ScriptedPeer peer({row.reply}, {.write_bytes = step});
            const auto session = session_to(peer.port(), limits);
            const auto reply = session->ask({.head = head_of("GET /")});
            ASSERT_TRUE(reply) << reply.error().describe() << row.reply;
            EXPECT_EQ(read_all(*session, step).value(), row.body) << row.reply;
            EXPECT_EQ(session->reusable(), row.reusable) << row.reply;
        }
}

TEST(ClientSession, DoesNotTakeATornReplyForAWholeOne) {
    const ClientLimits limits;
    for (const std::string reply : {
             "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
         }) {
        ScriptedPeer peer({reply});
        const auto session = session_to(peer.port(), limits);
        ASSERT_TRUE(session->ask({.head = head_of("GET /")})) << reply;
        EXPECT_FALSE(read_all(*session)) << reply;
        EXPECT_FALSE(session->reusable()) << reply;
    }
    ScriptedPeer peer({"HTTP/1.1 200 OK\r\nContent-Le"});
    const auto session = session_to(peer.port(), limits);
    const auto torn = session->ask({.head = head_of("GET /")});
    ASSERT_FALSE(torn);
    EXPECT_EQ(torn.error().code(), Code::unavailable);
    EXPECT_TRUE(session->reply_began());
}

TEST(ClientSession, GivesUpOnAServerThatSaysNothing) {
    ScriptedPeer peer({}, {.hold = true});
    const ClientLimits limits;
    const auto session = session_to(peer.port(), limits, {.stall = std::chrono::milliseconds(50)});
    const auto reply = session->ask({.head = head_of("GET /")});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), Code::timeout);
    EXPECT_FALSE(session->reply_began());
    EXPECT_FALSE(session->reusable()) << "its reply may still come";
}

TEST(ClientSession, IsInterruptedByAnotherThread) {
    ScriptedPeer peer({}, {.hold = true});
    const ClientLimits limits;
    net::Interrupt outer;
    const net::Interrupt inner(&outer);
    const auto session = session_to(peer.port(), limits, {.interrupts = {&inner}});
    std::thread other([&] { outer.interrupt(); });
    const auto reply = session->ask({.head = head_of("GET /")});
    other.join();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), Code::cancelled);
}

// The kernel may gather bytes before it wakes the reader, and the end of a body still comes.
TEST(ClientSession, IsWokenAtTheEndOfABody) {
    ClientLimits limits;
    for (const std::size_t low_water : {1ul, 256ul * 1024, 10'000'000ul}) {
        limits.receive_low_water_bytes = low_water;
        for (const std::size_t bytes : {1ul, 100'000ul, 3'000'001ul}) {
            const std::string body(bytes, 'b');
            const std::string reply =
                "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
            ScriptedPeer peer({reply + body}, {.write_bytes = 40'000, .hold = true});
            const auto session = session_to(peer.port(), limits);
            ASSERT_TRUE(session->ask({.head = head_of("GET /")}));
            const auto got = read_all(*session, 2'000'000);
            ASSERT_TRUE(got) << got.error().describe();
            EXPECT_EQ(*got, body);
        }
    }
}

// A server with a certificate of its own making, for these names.
class TlsServer {
  public:
    explicit TlsServer(const std::vector<std::string>& names) {
        char folder[] = "/tmp/weir-tls-XXXXXX";
        folder_ = ::mkdtemp(folder);
        EXPECT_TRUE(net::make_self_signed(certificate(), folder_ + "/key.pem", names));
        context_ = net::TlsContext::load(certificate(), folder_ + "/key.pem").value();
        server_ = std::make_unique<test::TestServer>(Limits(), context_.get());
    }
    ~TlsServer() {
        ::unlink(certificate().c_str());
        ::unlink((folder_ + "/key.pem").c_str());
        ::rmdir(folder_.c_str());
    }

    std::string certificate() const { return folder_ + "/cert.pem"; }
    std::uint16_t port() const { return server_->port(); }

  private:
    std::string folder_;
    std::unique_ptr<net::TlsContext> context_;
    std::unique_ptr<test::TestServer> server_;
};

TEST(ClientSession, SpeaksTlsToWhomItTrusts) {
    const TlsServer server({"localhost", "127.0.0.1"});
    const ClientLimits limits;
    const auto tls = net::TlsClientContext::load(server.certificate()).value();
    for (const std::string host : {"localhost", "127.0.0.1", "localhost"}) {
        auto connection =
            net::ClientConnection::connect({.host = host, .port = server.port(), .tls = tls.get()},
                                           std::chrono::milliseconds(60'000), {});
        ASSERT_TRUE(connection) << connection.error().describe();
        ClientSession session(*std::move(connection), limits);
        const std::string body(3'000'000, 'x');
        const std::span<const std::byte> pieces[] = {as_bytes(body)};
        for (int i = 0; i < 2; ++i) {
            const std::string head = head_of("PUT /echo", "Content-Length: 3000000\r\n");
            const auto reply = session.ask({.head = head, .pieces = pieces});
            ASSERT_TRUE(reply) << reply.error().describe();
            EXPECT_EQ(read_all(session, 1'000'000).value(), body);
            EXPECT_TRUE(session.at_rest()) << "session tickets come unasked";
        }
    }
}

TEST(ClientSession, DoesNotSpeakTlsToOthers) {
    const TlsServer server({"elsewhere.example", "192.0.2.1"});
    const auto system = net::TlsClientContext::load("").value();
    const auto trusting = net::TlsClientContext::load(server.certificate()).value();
    for (net::TlsClientContext* tls : {system.get(), trusting.get()})
        for (const std::string host : {"localhost", "127.0.0.1"}) {
            const auto connection =
                net::ClientConnection::connect({.host = host, .port = server.port(), .tls = tls},
                                               std::chrono::milliseconds(60'000), {});
            ASSERT_FALSE(connection);
            EXPECT_EQ(connection.error().code(), Code::access_denied)
                << connection.error().describe();
        }
    EXPECT_FALSE(net::TlsClientContext::load("/nowhere/ca.pem"));
}

TEST(ClientSession, SaysWhyThereIsNoConnection) {
    const auto reach = [](const std::string& host, std::uint16_t port) {
        const auto connection = net::ClientConnection::connect(
            {.host = host, .port = port}, std::chrono::milliseconds(5'000), {});
        EXPECT_FALSE(connection);
        return connection ? Error(Code::internal_error) : connection.error();
    };
    EXPECT_EQ(reach("127.0.0.1", 1).code(), Code::unavailable);
    EXPECT_NE(reach("127.0.0.1", 1).message().find("127.0.0.1:1"), std::string::npos);
    EXPECT_EQ(reach("no-such-host.invalid", 80).code(), Code::unavailable);
}

}  // namespace
}  // namespace weir::http
