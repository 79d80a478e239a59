#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/random.h"
#include "http/test_client.h"
#include "http/test_server.h"

namespace weir::http {
namespace {

using test::Client;
using test::Reply;
using test::TestServer;

constexpr std::string_view host = " HTTP/1.1\r\nHost: h\r\n";

std::string get(std::string_view target) { return fmt::format("GET {}{}\r\n", target, host); }

std::string post_with(std::string_view fields, std::string_view target,
                      std::string_view body = {}) {
    return fmt::format("POST {}{}{}\r\n{}", target, host, fields, body);
}

std::string post(std::string_view target, std::string_view body) {
    return post_with(fmt::format("Content-Length: {}\r\n", body.size()), target, body);
}

template <typename Condition>
void wait_until(const Condition& condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(Server, AnswersMoreThanOneRequestAConnection) {
    TestServer server;
    Client client = Client::tcp(server.port());
    for (int i = 0; i < 3; ++i) {
        const auto reply = client.ask(post("/echo", fmt::format("body {}", i)));
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->status, 200u);
        EXPECT_EQ(reply->body, fmt::format("body {}", i));
        EXPECT_EQ(reply->fields.at("connection"), "keep-alive");
        EXPECT_TRUE(reply->fields.contains("date"));
    }
    EXPECT_EQ(server.server.connections(), 1u);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    TestServer server;
    Client client = Client::tcp(server.port());
    std::string all;
    for (int i = 0; i < 50; ++i)
        all += post("/echo", std::string(static_cast<std::size_t>(i) * 700, 'a'));
    ASSERT_TRUE(client.send(all));
    for (std::size_t i = 0; i < 50; ++i) {
        const auto reply = client.receive();
        ASSERT_TRUE(reply) << i;
        EXPECT_EQ(reply->body.size(), i * 700);
    }
}

TEST(Server, ReadsARequestThatComesByteByByte) {
    TestServer server;
    Client client = Client::tcp(server.port());
    for (const char byte : post("/echo", "slow")) ASSERT_TRUE(client.send({&byte, 1}));
    const auto reply = client.receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, "slow");
}

TEST(Server, GivesHeadsWithoutBodies) {
    TestServer server;
    Client client = Client::tcp(server.port());
    client.send(fmt::format("HEAD /fields{}\r\n", host));
    const auto head = client.receive(true);
    ASSERT_TRUE(head);
    EXPECT_NE(head->fields.at("content-length"), "0");
    const auto empty = client.ask(get("/no-content"));
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->status, 204u);
    EXPECT_FALSE(empty->fields.contains("content-length"));
    EXPECT_EQ(client.ask(post("/echo", "x"))->body, "x")
        << "the connection stands at the next request";
}

TEST(Server, ClosesWhenItIsAskedTo) {
    TestServer server;
    for (const std::string& last :
         {post_with("Connection: close\r\nContent-Length: 1\r\n", "/echo", "x"), get("/close"),
          std::string("GET /echo HTTP/1.0\r\n\r\n")}) {
        Client client = Client::tcp(server.port());
        const auto reply = client.ask(last);
        ASSERT_TRUE(reply) << last;
        EXPECT_EQ(reply->fields.at("connection"), "close");
        EXPECT_TRUE(client.ended());
    }
}

TEST(Server, JoinsChunks) {
    TestServer server;
    Client client = Client::tcp(server.port());
    constexpr std::string_view chunked = "Transfer-Encoding: chunked\r\n";
    const struct {
        const char* body;
        const char* joined;
    } table[] = {
        {"0\r\n\r\n", ""},
        {"3\r\nabc\r\n0\r\n\r\n", "abc"},
        {"3\r\nabc\r\n00A\r\n0123456789\r\n000\r\n\r\n", "abc0123456789"},
        {"3;name=value\r\nabc\r\n0 ; x\r\n\r\n", "abc"},
        {"4\r\na\r\nb\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "a\r\nb"},
    };
    for (const auto& [body, joined] : table) {
        const auto reply = client.ask(post_with(chunked, "/echo", body));
        ASSERT_TRUE(reply) << body;
        EXPECT_EQ(reply->body, joined);
    }
}

TEST(Server, RefusesBrokenChunks) {
    TestServer server;
    for (const std::string& body :
         {std::string("\r\n"), std::string("x\r\n"), std::string("-1\r\n"), std::string("+1\r\na"),
          std::string(" 1\r\na"), std::string("0x1\r\na"), std::string("1 2\r\na"),
          std::string("1\na"), std::string("3\r\nabcd\r\n0\r\n\r\n"),
          std::string("3\r\nabc0\r\n\r\n"), std::string("10000000000000000\r\n"),
          std::string("1;a\rb\r\na\r\n0\r\n\r\n"), std::string("0\r\nA: b\rC: d\r\n\r\n"),
          "1;" + std::string(5000, 'x') + "\r\n", "0\r\n" + std::string(5000, 'x') + "\r\n\r\n"}) {
        Client client = Client::tcp(server.port());
        const auto reply =
            client.ask(post_with("Transfer-Encoding: chunked\r\n", "/echo", body) + get("/echo"));
        ASSERT_TRUE(reply) << body;
        EXPECT_EQ(reply->status, 400u) << body;
        EXPECT_TRUE(client.ended()) << "what follows is no request of this client's";
    }
}

TEST(Server, RefusesTrailersWithoutEnd) {
    TestServer server;
    Client client = Client::tcp(server.port());
    std::string body = "0\r\n";
    for (int i = 0; i < 100; ++i) body += "A: b\r\n";
    EXPECT_EQ(client.ask(post_with("Transfer-Encoding: chunked\r\n", "/echo", body))->status, 400u);
}

TEST(Server, AsksForABodyThatWaits) {
    TestServer server;
    Client client = Client::tcp(server.port());
    constexpr std::string_view waits = "Expect: 100-continue\r\nContent-Length: 4\r\n";
    const auto leave = client.ask(post_with(waits, "/echo"));
    ASSERT_TRUE(leave);
    EXPECT_EQ(leave->status, 100u);
    EXPECT_EQ(client.ask("body")->body, "body");
    const auto at_once = client.ask(post_with(waits, "/echo", "body"));
    ASSERT_TRUE(at_once);
    EXPECT_EQ(at_once->status, 200u) << "no leave is needed for what has come";
    const auto nothing =
        client.ask(post_with("Expect: 100-continue\r\nContent-Length: 0\r\n", "/echo"));
    ASSERT_TRUE(nothing);
    EXPECT_EQ(nothing->status, 100u) << "even for no body";
    EXPECT_EQ(client.receive()->status, 200u);
    const auto refused = client.ask(post_with(waits, "/unread"));
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 403u) << "without asking for the body";
    EXPECT_TRUE(client.ended()) << "nobody knows whether the body follows";
}

TEST(Server, PassesOverASmallBodyThatNobodyRead) {
    TestServer server;
    Client client = Client::tcp(server.port());
    EXPECT_EQ(client.ask(post("/unread", std::string(100'000, 'x')))->status, 403u);
    EXPECT_EQ(
        client.ask(post_with("Transfer-Encoding: chunked\r\n", "/unread", "3\r\nabc\r\n0\r\n\r\n"))
            ->status,
        403u);
    EXPECT_EQ(client.ask(post("/echo", "next"))->body, "next");
}

TEST(Server, RefusesBeforeASmallBodyComes) {
    TestServer server;
    Client client = Client::tcp(server.port());
    const auto reply = client.ask(post_with("Content-Length: 1000\r\n", "/unread"));
    ASSERT_TRUE(reply) << "what the body is does not matter";
    EXPECT_EQ(reply->status, 403u);
    client.send(std::string(1000, 'x'));
    EXPECT_EQ(client.ask(post("/echo", "next"))->body, "next") << "the body is passed over later";
}

TEST(Server, TellsAClientThatStillSendsWhyItEnds) {
    TestServer server;
    Client client = Client::tcp(server.port());
    const std::string body(8 * MiB, 'x');
    client.send(post("/unread", body));
    const auto reply = client.receive();
    ASSERT_TRUE(reply) << "a reset must not swallow the reply";
    EXPECT_EQ(reply->status, 403u);
    EXPECT_EQ(reply->fields.at("connection"), "close");
    EXPECT_TRUE(client.ended());
}

TEST(Server, AnswersABadHeadOnceAndEnds) {
    TestServer server;
    Client client = Client::tcp(server.port());
    const auto reply = client.ask(
        post_with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "/echo", "0\r\n\r\n") +
        get("/echo"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400u);
    EXPECT_TRUE(client.ended());
}

TEST(Server, SurvivesAHandlerThatThrows) {
    TestServer server;
    Client client = Client::tcp(server.port());
    EXPECT_EQ(client.ask(get("/throw"))->status, 500u);
    EXPECT_TRUE(client.ended());
    EXPECT_EQ(Client::tcp(server.port()).ask(get("/echo"))->status, 200u);
}

TEST(Server, LetsNoFieldBeginAnother) {
    TestServer server;
    const auto reply = Client::tcp(server.port()).ask(get("/broken-field"));
    ASSERT_TRUE(reply);
    EXPECT_FALSE(reply->fields.contains("x-injected"));
    EXPECT_EQ(reply->fields.at("x-broken"), "a  X-Injected: b");
}

TEST(Server, EndsAConnectionThatRests) {
    Limits limits;
    limits.idle_timeout_ms = 20;
    TestServer server(limits);
    Client fresh = Client::tcp(server.port());
    EXPECT_TRUE(fresh.ended()) << "without a word: nothing was asked";
    Client used = Client::tcp(server.port());
    EXPECT_EQ(used.ask(get("/echo"))->status, 200u);
    EXPECT_TRUE(used.ended());
    wait_until([&] { return server.server.connections() == 0; });
}

TEST(Server, DoesNotWaitForeverForAHead) {
    Limits limits;
    limits.head_timeout_ms = 50;
    TestServer server(limits);
    Client client = Client::tcp(server.port());
    // A byte now and then is no progress.
    std::thread dribble([&] {
        for (const char byte : "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(50, 'x')) {
            if (!client.send({&byte, 1})) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    });
    const auto reply = client.receive();
    dribble.join();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, "RequestTimeout");
}

TEST(Server, DoesNotWaitForeverForABody) {
    Limits limits;
    limits.stall_timeout_ms = 50;
    TestServer server(limits);
    Client client = Client::tcp(server.port());
    const auto reply = client.ask(post_with("Content-Length: 10\r\n", "/echo", "begun"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, "RequestTimeout");
    EXPECT_TRUE(client.ended());
}

TEST(Server, SaysThatABodyIsIncomplete) {
    TestServer server;
    Client client = Client::tcp(server.port());
    client.send(post_with("Content-Length: 10\r\n", "/echo", "begun"));
    client.finish();
    const auto reply = client.receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, "IncompleteBody");
}

TEST(Server, TurnsAwayWhatIsAboveItsBound) {
    Limits limits;
    limits.connections_max = 2;
    TestServer server(limits);
    std::optional<Client> first = Client::tcp(server.port());
    Client second = Client::tcp(server.port());
    EXPECT_EQ(first->ask(get("/echo"))->status, 200u);
    EXPECT_EQ(second.ask(get("/echo"))->status, 200u);
    std::optional<Client> third = Client::tcp(server.port());
    const auto refused = third->receive();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 503u);
    first.reset();
    third.reset();
    wait_until([&] {
        const auto reply = Client::tcp(server.port()).ask(get("/echo"));
        return reply && reply->status == 200;
    });
}

TEST(Server, DrainsWithoutCuttingARequestShort) {
    TestServer server;
    Client idle = Client::tcp(server.port());
    EXPECT_EQ(idle.ask(get("/echo"))->status, 200u);
    Client busy = Client::tcp(server.port());
    busy.send(get("/wait"));
    wait_until([&] { return server.handler.waiting == 1; });
    std::thread drain([&] { server.server.drain(); });
    EXPECT_TRUE(idle.ended());
    wait_until([&] { return server.server.connections() == 1; });
    server.handler.gate.set_value();
    const auto reply = busy.receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, "waited");
    EXPECT_EQ(reply->fields.at("connection"), "close");
    drain.join();
    EXPECT_EQ(server.server.connections(), 0u);
}

TEST(Server, CutsOffWhatOutlastsTheDrain) {
    Limits limits;
    limits.drain_timeout_ms = 30;
    TestServer server(limits);
    Client client = Client::tcp(server.port());
    client.send(post_with("Content-Length: 10\r\n", "/echo", "begun"));
    wait_until([&] { return server.server.connections() == 1; });
    server.server.drain();
    EXPECT_EQ(server.server.connections(), 0u);
    while (client.receive()) {
    }
    EXPECT_TRUE(client.ended());
}

TEST(Server, SendsTheBodyOfASourceInChunks) {
    TestServer server;
    server.handler.pieces = {"one", std::string(100'000, 'x'), "three"};
    const std::string whole = "one" + std::string(100'000, 'x') + "three";
    Client client = Client::tcp(server.port());
    for (int i = 0; i < 2; ++i) {
        const auto reply = client.ask(get("/pieces"));
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->fields.at("transfer-encoding"), "chunked");
        EXPECT_FALSE(reply->fields.contains("content-length"));
        EXPECT_TRUE(reply->body == whole);
    }
    client.send(fmt::format("HEAD /pieces{}\r\n", host));
    EXPECT_EQ(client.receive(true)->fields.at("transfer-encoding"), "chunked");
    EXPECT_EQ(client.ask(post("/echo", "next"))->body, "next");
    wait_until([&] { return server.handler.replies_sent == 4; });
    EXPECT_EQ(server.handler.bytes_sent, 2 * whole.size() + 4);
}

TEST(Server, SendsASourceToAClientThatKnowsNoChunks) {
    TestServer server;
    server.handler.pieces = {"one", "two"};
    Client client = Client::tcp(server.port());
    client.send("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto reply = client.receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->fields.at("connection"), "close");
    EXPECT_FALSE(reply->fields.contains("transfer-encoding"));
    std::string body;
    for (std::string some = client.receive_some(); !some.empty(); some = client.receive_some())
        body += some;
    EXPECT_EQ(body, "onetwo");
}

TEST(Server, BreaksOffWhenASourceFails) {
    TestServer server;
    server.handler.pieces = {"one", "broken"};
    Client client = Client::tcp(server.port());
    EXPECT_FALSE(client.ask(get("/pieces"))) << "without the last chunk: nobody takes it for whole";
    wait_until([&] { return server.handler.replies_cut == 1; });
    EXPECT_EQ(server.handler.bytes_sent, 3u);
}

TEST(Server, AsksASourceForNoMoreThanTheClientTakes) {
    Limits limits;
    limits.stall_timeout_ms = 300;
    TestServer server(limits);
    Client client = Client::tcp(server.port());
    client.send(get("/endless"));
    wait_until([&] { return server.handler.replies_cut == 1; });
    // What the sockets' buffers hold, and no more: a client that reads nothing is left.
    EXPECT_LT(server.handler.pieces_asked, 1000u);
}

TEST(Server, EndsSourcesWhenItDrains) {
    TestServer server;
    Client client = Client::tcp(server.port());
    client.send(get("/endless"));
    std::string received;
    while (received.size() < 1'000'000) received += client.receive_some();
    std::thread drain([&] { server.server.drain(); });
    for (std::string some = client.receive_some(); !some.empty(); some = client.receive_some())
        received += some;
    drain.join();
    EXPECT_TRUE(received.ends_with("3\r\nend\r\n0\r\n\r\n"));
    EXPECT_EQ(server.handler.replies_sent, 1);
}

// A directory with a big file of noise, and a self-signed certificate.
class ServerFiles : public testing::TestWithParam<bool> {
  public:
    ServerFiles() {
        std::string name = testing::TempDir() + "weir_http_XXXXXX";
        CHECK(::mkdtemp(name.data()) != nullptr);
        directory_ = name;
        CHECK(net::make_self_signed(path("cert"), path("key"), {"localhost"}).has_value());
        tls_ = *net::TlsContext::load(path("cert"), path("key"));
    }
    ~ServerFiles() override { std::filesystem::remove_all(directory_); }

  protected:
    std::string path(const std::string& name) const { return directory_ + "/" + name; }

    std::shared_ptr<const int> file(const std::string& content) const {
        const int descriptor =
            ::open(path("file").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(::write(descriptor, content.data(), content.size()) ==
              static_cast<ssize_t>(content.size()));
        return {new int(descriptor), [](const int* opened) {
                    ::close(*opened);
                    delete opened;
                }};
    }

    net::TlsContext* tls() const { return GetParam() ? tls_.get() : nullptr; }
    Client connect(const TestServer& server) const {
        return GetParam() ? Client::tls(server.port()) : Client::tcp(server.port());
    }

    std::string directory_;
    std::unique_ptr<net::TlsContext> tls_;
};

std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761u) >> 13);
    return bytes;
}

TEST_P(ServerFiles, SendsRangesOfFilesInOrder) {
    TestServer server({}, tls());
    const std::string content = noise(17 * MiB + 123);
    const auto opened = file(content);
    server.handler.files = {
        {opened, 5, 11 * MiB}, {opened, 0, 1}, {opened, 3 * MiB + 1, content.size() - 3 * MiB - 1}};
    const std::string expected =
        content.substr(5, 11 * MiB) + content.substr(0, 1) + content.substr(3 * MiB + 1);
    Client client = connect(server);
    for (int i = 0; i < 2; ++i) {
        const auto reply = client.ask(get("/files"));
        ASSERT_TRUE(reply);
        EXPECT_TRUE(reply->body == expected) << "round " << i;
    }
    EXPECT_EQ(client.ask(post("/echo", "next"))->body, "next");
    EXPECT_EQ(server.handler.replies_cut, 0);
}

TEST_P(ServerFiles, ChecksWhatItIsToldToBeforeItIsSent) {
    TestServer server({}, tls());
    const std::string content = noise(17 * MiB + 123);
    std::mutex mutex;  // the checks run on the server's threads
    std::vector<std::pair<std::uint64_t, std::uint64_t>> checked;
    std::atomic<std::uint64_t> bad_from = content.size();
    server.handler.files = {
        {file(content), 5, content.size() - 5, [&](std::uint64_t offset, std::uint64_t length) {
             const std::lock_guard lock(mutex);
             checked.emplace_back(offset, length);
             return offset + length > bad_from ? fail(Code::corrupt, "flipped") : Result<void>();
         }}};
    const auto take_checked = [&] {
        const std::lock_guard lock(mutex);
        return std::exchange(checked, {});
    };
    Client client = connect(server);
    EXPECT_TRUE(client.ask(get("/files"))->body == content.substr(5));
    std::uint64_t at = 5;
    for (const auto& [offset, length] : take_checked()) {
        EXPECT_EQ(offset, at);
        at += length;
    }
    EXPECT_EQ(at, content.size());
    bad_from = 12 * MiB;
    EXPECT_FALSE(client.ask(get("/files"))) << "what is wrong is not sent";
    const auto last = take_checked();
    ASSERT_EQ(last.size(), 2u);
    EXPECT_LE(last.back().first, bad_from);
    wait_until([&] { return server.handler.replies_cut == 1; });
}

TEST_P(ServerFiles, SendsToManyAtOnce) {
    TestServer server({}, tls());
    const std::string content = noise(3 * MiB);
    server.handler.files = {{file(content), 0, content.size()}};
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            Client client = connect(server);
            for (int round = 0; round < 4; ++round) {
                const auto reply = client.ask(get("/files"));
                if (reply && reply->body == content) ++right;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(right, 32);
}

TEST_P(ServerFiles, KnowsThatAClientWentAway) {
    TestServer server({}, tls());
    const std::string content = noise(32 * MiB);
    server.handler.files = {{file(content), 0, content.size()}};
    std::optional<Client> client = connect(server);
    client->send(get("/files"));
    client.reset();
    wait_until([&] { return server.handler.replies_cut == 1; });
    wait_until([&] { return server.server.connections() == 0; });
}

TEST_P(ServerFiles, TakesBigBodies) {
    TestServer server({}, tls());
    const std::string content = noise(9 * MiB + 1);
    const auto reply = connect(server).ask(post("/echo", content));
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->body == content);
}

INSTANTIATE_TEST_SUITE_P(Transports, ServerFiles, testing::Bool(),
                         [](const auto& test) { return test.param ? "Tls" : "Plain"; });

class ServerTls : public ServerFiles {};

TEST_P(ServerTls, TakesARenewedCertificateForNewConnections) {
    TestServer server({}, tls());
    Client old = connect(server);
    EXPECT_EQ(old.protocol(), "http/1.1");
    ASSERT_TRUE(net::make_self_signed(path("cert"), path("key"), {"localhost"}));
    ASSERT_TRUE(tls_->reload_if_changed().value());
    EXPECT_NE(connect(server).serial(), old.serial());
    EXPECT_EQ(old.ask(get("/echo"))->status, 200u);
}

TEST_P(ServerTls, EndsWhatIsNoTls) {
    Limits limits;
    limits.head_timeout_ms = 50;
    TestServer server(limits, tls());
    Client plain = Client::tcp(server.port());
    plain.send(get("/echo"));
    EXPECT_FALSE(plain.receive());
    Client silent = Client::tcp(server.port());
    EXPECT_TRUE(silent.ended()) << "a handshake has its time, too";
    EXPECT_EQ(connect(server).ask(get("/echo"))->status, 200u);
}

INSTANTIATE_TEST_SUITE_P(Tls, ServerTls, testing::Values(true), [](const auto&) { return "Tls"; });

TEST(Server, ServesAUnixSocket) {
    const std::string path = testing::TempDir() + fmt::format("weir_http_{}", ::getpid());
    {
        TestServer server({}, nullptr, path);
        EXPECT_EQ(Client::unix_domain(path).ask(post("/echo", "local"))->body, "local");
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace weir::http
