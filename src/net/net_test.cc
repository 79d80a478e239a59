#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "base/bytes.h"
#include "base/check.h"
#include "net/blocking.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/tls.h"
#include "net/wakeup.h"

namespace weir::net {
namespace {

// A directory of its own for one test.
class NetTest : public testing::Test {
  public:
    NetTest() {
        std::string name = testing::TempDir() + "weir_net_XXXXXX";
        CHECK(::mkdtemp(name.data()) != nullptr);
        directory_ = name;
        cores_.start();
    }
    ~NetTest() override {
        cores_.stop();
        std::filesystem::remove_all(directory_);
    }

  protected:
    template <typename T>
    T run(Task<T> task) {
        return boost::asio::co_spawn(cores_.first().context(), std::move(task),
                                     boost::asio::use_future)
            .get();
    }

    std::string path(const std::string& name) const { return directory_ + "/" + name; }

    std::string directory_;
    Cores cores_{2};
    io::BlockingPool pool_{2, 4};
    std::shared_ptr<Log> log_ = null_log();
};

TEST(Address, IsHostAndPort) {
    const auto parsed = [](const std::string& text) {
        const Result<Address> address = parse_address(text);
        return address ? address->host + " " + std::to_string(address->port) : "refused";
    };
    EXPECT_EQ(parsed("127.0.0.1:9000"), "127.0.0.1 9000");
    EXPECT_EQ(parsed("[::1]:0"), "::1 0");
    EXPECT_EQ(parsed("localhost:65535"), "localhost 65535");
    for (const char* wrong :
         {"", ":9000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:9000",
          "[::1]", "[]:1", "a:b", "a:1x", "[::1:9000"})
        EXPECT_EQ(parsed(wrong), "refused") << wrong;
    EXPECT_EQ((Address{.host = "::1", .port = 1}.text()), "[::1]:1");
    EXPECT_EQ((Address{.host = "a", .port = 1}.text()), "a:1");
}

// Accepts, says hello, closes.
Listener::Accepted greeter(std::promise<std::string>& peer_name) {
    return [&peer_name](Core&, int descriptor, std::string peer) {
        CHECK(::send(descriptor, "hello", 5, MSG_NOSIGNAL) == 5);
        ::close(descriptor);
        peer_name.set_value(std::move(peer));
    };
}

std::string read_all(int descriptor) {
    std::string all;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(descriptor, buffer, sizeof buffer, 0)) > 0;)
        all.append(buffer, static_cast<std::size_t>(n));
    ::close(descriptor);
    return all;
}

TEST_F(NetTest, ListensOnAFreePortOfIpv4AndIpv6) {
    for (const char* host : {"127.0.0.1", "::1"}) {
        std::promise<std::string> peer;
        const Result<std::unique_ptr<Listener>> listener =
            Listener::tcp(cores_, {.host = host, .port = 0}, greeter(peer), *log_);
        if (!listener && std::string(host) == "::1") GTEST_SKIP() << "this machine has no IPv6";
        ASSERT_TRUE(listener) << listener.error().describe();
        ASSERT_NE((*listener)->address().port, 0);
        (*listener)->start();
        boost::asio::io_context context;
        boost::asio::ip::tcp::socket client(context);
        client.connect({boost::asio::ip::make_address(host), (*listener)->address().port});
        const std::string local =
            Address{.host = host, .port = client.local_endpoint().port()}.text();
        EXPECT_EQ(read_all(client.release()), "hello");
        EXPECT_EQ(peer.get_future().get(), local);
        (*listener)->stop();
        const Result<std::unique_ptr<Listener>> again =
            Listener::tcp(cores_, (*listener)->address(), greeter(peer), *log_);
        EXPECT_TRUE(again) << "the port is free again: " << again.error().describe();
    }
}

TEST_F(NetTest, SaysWhyItCannotListen) {
    std::promise<std::string> unused;
    const Result<std::unique_ptr<Listener>> first =
        Listener::tcp(cores_, {.host = "127.0.0.1", .port = 0}, greeter(unused), *log_);
    ASSERT_TRUE(first);
    const Result<std::unique_ptr<Listener>> taken =
        Listener::tcp(cores_, (*first)->address(), greeter(unused), *log_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code(), Code::unavailable);
    EXPECT_NE(taken.error().message().find((*first)->address().text()), std::string_view::npos);
}

int connect_unix(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    CHECK(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return descriptor;
}

TEST_F(NetTest, AUnixSocketIsForItsOwnerAndReplacesTheOldOne) {
    for (int round = 0; round < 2; ++round) {
        std::promise<std::string> peer;
        Result<std::unique_ptr<Listener>> listener =
            Listener::unix_domain(cores_, path("socket"), greeter(peer), *log_);
        ASSERT_TRUE(listener) << listener.error().describe();
        (*listener)->start();
        struct stat status{};
        ASSERT_EQ(::stat(path("socket").c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777u, 0600u);
        EXPECT_EQ(read_all(connect_unix(path("socket"))), "hello");
        (*listener)->stop();
        // The first one leaves its file behind, as a killed server does.
        if (round == 0) std::filesystem::rename(path("socket"), path("kept"));
        listener->reset();
        if (round == 0) std::filesystem::rename(path("kept"), path("socket"));
    }
    EXPECT_FALSE(std::filesystem::exists(path("socket")));
}

TEST_F(NetTest, AFileThatIsNoSocketIsNotReplaced) {
    std::ofstream(path("precious")) << "data";
    std::promise<std::string> unused;
    EXPECT_FALSE(Listener::unix_domain(cores_, path("precious"), greeter(unused), *log_));
    EXPECT_TRUE(std::filesystem::exists(path("precious")));
}

Task<Result<std::thread::id>> thread_of_work(io::BlockingPool& pool) {
    auto work = []() -> Result<std::thread::id> { return std::this_thread::get_id(); };
    co_return co_await run_blocking(pool, work);
}

Task<bool> returns_to_its_core(io::BlockingPool& pool) {
    const std::thread::id before = std::this_thread::get_id();
    const Result<std::thread::id> worker = co_await thread_of_work(pool);
    co_return worker && *worker != before&& std::this_thread::get_id() == before;
}

TEST_F(NetTest, BlockingWorkRunsElsewhereAndComesBack) {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(run(returns_to_its_core(pool_)));
}

TEST_F(NetTest, AFullPoolIsSlowDown) {
    std::promise<void> open, begun;
    const std::shared_future<void> gate = open.get_future().share();
    io::BlockingPool pool(1, 1);
    ASSERT_TRUE(pool.submit([gate, &begun] {
        begun.set_value();
        gate.wait();
    }));
    begun.get_future().wait();
    ASSERT_TRUE(pool.submit([gate] { gate.wait(); }));
    const Result<std::thread::id> refused = run(thread_of_work(pool));
    open.set_value();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::slow_down);
}

Task<Result<std::size_t>> size_of_acquired(io::BufferPool& pool,
                                           std::chrono::milliseconds patience) {
    const Result<io::Buffer> buffer = co_await acquire_buffer(pool, patience);
    if (!buffer) co_return fail(buffer.error());
    co_return buffer->bytes().size();
}

TEST_F(NetTest, ACoroutineWaitsForABuffer) {
    io::BufferPool pool(4096, 1, 1);
    io::Buffer held = pool.try_acquire();
    std::future<Result<std::size_t>> waiting = boost::asio::co_spawn(
        cores_.first().context(), size_of_acquired(pool, std::chrono::hours(1)),
        boost::asio::use_future);
    cores_.settle();
    EXPECT_EQ(pool.waiting(), 1u);
    const Result<std::size_t> one_too_many = run(size_of_acquired(pool, std::chrono::hours(1)));
    EXPECT_EQ(one_too_many.error().code(), Code::slow_down);
    held.reset();
    EXPECT_EQ(waiting.get(), 4096u);
    EXPECT_EQ(pool.in_use(), 0u);
}

TEST_F(NetTest, ACoroutineWaitsForABufferOnlySoLong) {
    io::BufferPool pool(4096, 1, 1);
    io::Buffer held = pool.try_acquire();
    const Result<std::size_t> late = run(size_of_acquired(pool, std::chrono::milliseconds(1)));
    EXPECT_EQ(late.error().code(), Code::slow_down);
    EXPECT_EQ(pool.waiting(), 0u);
    // The buffer comes as the patience ends: whoever wins, it is not lost.
    for (int round = 0; round < 200; ++round) {
        std::future<Result<std::size_t>> waiting = boost::asio::co_spawn(
            cores_.first().context(), size_of_acquired(pool, std::chrono::milliseconds(1)),
            boost::asio::use_future);
        std::this_thread::sleep_for(std::chrono::microseconds(900 + round));
        held.reset();
        const Result<std::size_t> size = waiting.get();
        EXPECT_TRUE(size || size.error().code() == Code::slow_down);
        cores_.settle();
        held = pool.try_acquire();
        ASSERT_TRUE(held);
    }
}

// What a connection on `core` over one end of a socket pair reads first.
Task<Result<std::size_t>> read_once(Core& core, int descriptor, io::BlockingPool& pool,
                                    std::uint64_t timeout_ms) {
    Connection connection(core, descriptor, plain_stream(descriptor), "test", pool);
    connection.set_timeout(timeout_ms);
    std::array<std::byte, 16> bytes;
    co_return co_await connection.read_some(bytes);
}

TEST_F(NetTest, AnOperationEndsWithItsDeadlineOrACut) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const Result<std::size_t> late = run(read_once(cores_.first(), pair[0], pool_, 1));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Code::timeout);
    ::close(pair[1]);

    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    std::future<Result<std::size_t>> reading = boost::asio::co_spawn(
        cores_.first().context(), read_once(cores_.first(), pair[0], pool_, 600'000),
        boost::asio::use_future);
    cores_.settle();
    EXPECT_EQ(cores_.connections(), 1u);
    cores_.first().post([this] { cores_.first().cut_off_all(); });
    const Result<std::size_t> cut = reading.get();
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code(), Code::cancelled);
    ::close(pair[1]);
    cores_.settle();
    EXPECT_EQ(cores_.connections(), 0u);
}

// Writes all of `bytes` and then `length` bytes of the file.
Task<Result<void>> write_and_send(Core& core, int descriptor, io::BlockingPool& pool,
                                  std::span<const std::byte> bytes, int file,
                                  std::uint64_t length) {
    Connection connection(core, descriptor, plain_stream(descriptor), "test", pool);
    CO_TRY_VOID(co_await connection.write(bytes, true));
    co_return co_await connection.send_file(file, 0, length);
}

TEST_F(NetTest, AFileThatEndsEarlyIsCorrupt) {
    std::ofstream(path("short")) << "four";
    const int file = ::open(path("short").c_str(), O_RDONLY | O_CLOEXEC);
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const Result<void> sent =
        run(write_and_send(cores_.first(), pair[0], pool_, as_bytes("head "), file, 100));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), Code::corrupt);
    EXPECT_EQ(read_all(pair[1]), "head four");
    ::close(file);
}

TEST_F(NetTest, WritingToAPeerThatIsGoneFails) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ::close(pair[1]);
    const Result<void> sent =
        run(write_and_send(cores_.first(), pair[0], pool_, as_bytes("x"), -1, 0));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), Code::cancelled);
}

TEST_F(NetTest, ASelfSignedKeyIsPrivateAndLoads) {
    const Result<void> made =
        make_self_signed(path("cert"), path("key"), {"localhost", "127.0.0.1", "::1"});
    ASSERT_TRUE(made) << made.error().describe();
    struct stat status{};
    ASSERT_EQ(::stat(path("key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
    const Result<std::unique_ptr<TlsContext>> tls = TlsContext::load(path("cert"), path("key"));
    ASSERT_TRUE(tls) << tls.error().describe();
    EXPECT_FALSE((*tls)->reload_if_changed().value());
    std::filesystem::remove(path("cert"));
    EXPECT_FALSE((*tls)->reload_if_changed()) << "an error, and the old certificate stays";
    ASSERT_TRUE(make_self_signed(path("cert"), path("key"), {"localhost"}));
    EXPECT_TRUE((*tls)->reload_if_changed().value());
}

TEST_F(NetTest, BadTlsFilesAreNamed) {
    std::ofstream(path("junk")) << "junk";
    ASSERT_TRUE(make_self_signed(path("cert"), path("key"), {"localhost"}));
    ASSERT_TRUE(make_self_signed(path("cert2"), path("key2"), {"localhost"}));
    const auto complaint = [&](const char* cert, const char* key) {
        const Result<std::unique_ptr<TlsContext>> tls = TlsContext::load(path(cert), path(key));
        return tls ? std::string("none") : std::string(tls.error().message());
    };
    EXPECT_NE(complaint("junk", "key").find(path("junk")), std::string::npos);
    EXPECT_NE(complaint("cert", "junk").find(path("junk")), std::string::npos);
    EXPECT_NE(complaint("missing", "key").find(path("missing")), std::string::npos);
    EXPECT_NE(complaint("cert", "key2").find(path("key2")), std::string::npos);
}

using SteadyClock = std::chrono::steady_clock;

Task<std::pair<std::shared_ptr<Wakeup>, bool>> wait_once(bool announce_first,
                                                         SteadyClock::time_point until) {
    const auto wakeup = Wakeup::make(co_await boost::asio::this_coro::executor);
    if (announce_first) {
        wakeup->announce();
        wakeup->announce();
    }
    const bool woken = co_await wakeup->wait(until);
    co_return std::pair(wakeup, woken);
}

TEST_F(NetTest, AWakeupEndsTheNextWaitOnce) {
    constexpr std::chrono::milliseconds soon(20);
    const auto [wakeup, woken] = run(wait_once(true, SteadyClock::now() + std::chrono::hours(1)));
    EXPECT_TRUE(woken) << "announced before";
    // What was posted for the first may still cancel the timer: that is no announcement.
    const SteadyClock::time_point until = SteadyClock::now() + soon;
    EXPECT_FALSE(run(wakeup->wait(until)));
    EXPECT_GE(SteadyClock::now(), until);
}

TEST_F(NetTest, AWakeupMissesNoAnnouncement) {
    const auto [wakeup, woken] = run(wait_once(false, SteadyClock::now()));
    EXPECT_FALSE(woken);
    for (int i = 0; i < 2000; ++i) {
        std::future<bool> waiting = boost::asio::co_spawn(
            cores_.first().context(), wakeup->wait(SteadyClock::now() + std::chrono::hours(1)),
            boost::asio::use_future);
        wakeup->announce();
        ASSERT_TRUE(waiting.get());
    }
}

}  // namespace
}  // namespace weir::net
