#include "net/listener.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <charconv>
#include <future>
#include <utility>

#include "io/socket_path.h"

namespace weir::net {
namespace {

namespace asio = boost::asio;

constexpr int backlog = 4096;
// When the process has no descriptors left, accepting again at once would only spin.
constexpr std::chrono::milliseconds pause_after_error(100);

template <typename Endpoint>
std::string peer_name(const Endpoint& endpoint) {
    if constexpr (requires { endpoint.address(); }) {
        const Address address{.host = endpoint.address().to_string(), .port = endpoint.port()};
        return address.text();
    } else {
        return "local";
    }
}

template <typename Protocol>
class AsioListener final : public Listener {
  public:
    using Acceptor = asio::basic_socket_acceptor<Protocol, Executor>;

    AsioListener(Cores& cores, Acceptor acceptor, Address address, std::string path,
                 Accepted accepted, Log& log)
        : cores_(cores),
          acceptor_(std::move(acceptor)),
          address_(std::move(address)),
          path_(std::move(path)),
          accepted_(std::move(accepted)),
          log_(log) {}

    ~AsioListener() override {
        if (!path_.empty()) ::unlink(path_.c_str());
    }

    void start() override {
        started_ = true;
        asio::co_spawn(cores_.first().context(), accept_all(),
                       [this](const std::exception_ptr&) { ended_.set_value(); });
    }

    void stop() override {
        if (!std::exchange(started_, false)) return;
        cores_.first().post([this] {
            boost::system::error_code ignored;
            acceptor_.close(ignored);
            pause_.cancel();
        });
        ended_.get_future().wait();
        // What was accepted before has been handed over.
        cores_.settle();
    }

    const Address& address() const override { return address_; }

  private:
    Task<void> accept_all() {
        for (;;) {
            typename Protocol::endpoint peer;
            auto [error, socket] = co_await acceptor_.async_accept(peer, asio::as_tuple(use_task));
            if (!acceptor_.is_open()) co_return;
            if (error) {
                log_.warn("accepting on {}: {}", path_.empty() ? address_.text() : path_,
                          error.message());
                pause_.expires_after(pause_after_error);
                co_await pause_.async_wait(asio::as_tuple(use_task));
                if (!acceptor_.is_open()) co_return;
                continue;
            }
            const int descriptor = socket.release();
            Core& core = cores_.least_loaded();
            core.hand_over([this, &core, descriptor, name = peer_name(peer)] {
                accepted_(core, descriptor, name);
            });
        }
    }

    Cores& cores_;
    Acceptor acceptor_;
    Address address_;
    std::string path_;
    Accepted accepted_;
    Log& log_;
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>
        pause_{cores_.first().executor()};
    bool started_ = false;
    std::promise<void> ended_;
};

}  // namespace

std::string Address::text() const {
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                               : fmt::format("[{}]:{}", host, port);
}

Result<Address> parse_address(const std::string& text) {
    const auto refused = [&] {
        return fail(
            Code::invalid_argument,
            fmt::format("'{}' is no address; give HOST:PORT, such as 127.0.0.1:9000 or [::1]:9000",
                        text));
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return refused();
    std::string host = text.substr(0, colon);
    if (host.front() == '[') {
        if (host.back() != ']') return refused();
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        return refused();
    }
    const std::string digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc() || end != digits.data() + digits.size() || host.empty())
        return refused();
    return Address{.host = std::move(host), .port = port};
}

Result<std::unique_ptr<Listener>> Listener::tcp(Cores& cores, const Address& address,
                                                Accepted accepted, Log& log) {
    using Protocol = asio::ip::tcp;
    boost::system::error_code error;
    asio::ip::basic_resolver<Protocol, Executor> resolver(cores.first().executor());
    const auto found = resolver.resolve(address.host, std::to_string(address.port),
                                        asio::ip::resolver_base::passive, error);
    if (error || found.empty())
        return fail(Code::invalid_argument,
                    fmt::format("cannot listen on {}: {}", address.text(), error.message()));
    const Protocol::endpoint endpoint = found.begin()->endpoint();
    AsioListener<Protocol>::Acceptor acceptor(cores.first().executor());
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(Protocol::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(backlog, error);
    if (error)
        return fail(Code::unavailable,
                    fmt::format("cannot listen on {}: {}", address.text(), error.message()));
    Address real{.host = address.host, .port = acceptor.local_endpoint(error).port()};
    return std::make_unique<AsioListener<Protocol>>(cores, std::move(acceptor), std::move(real), "",
                                                    std::move(accepted), log);
}

Result<std::unique_ptr<Listener>> Listener::unix_domain(Cores& cores, const std::string& path,
                                                        Accepted accepted, Log& log) {
    using Protocol = asio::local::stream_protocol;
    TRY(const io::SocketPath name, io::SocketPath::of(path));
    struct stat there{};
    if (::lstat(path.c_str(), &there) == 0) {
        if (!S_ISSOCK(there.st_mode))
            return fail(Code::invalid_argument, fmt::format("{} is there and is no socket", path));
        ::unlink(path.c_str());
    }
    boost::system::error_code error;
    AsioListener<Protocol>::Acceptor acceptor(cores.first().executor());
    acceptor.open(Protocol(), error);
    const mode_t before = ::umask(0177);
    if (!error) acceptor.bind(Protocol::endpoint(name.text()), error);
    ::umask(before);
    if (!error) acceptor.listen(backlog, error);
    if (error)
        return fail(Code::unavailable,
                    fmt::format("cannot listen on {}: {}", path, error.message()));
    return std::make_unique<AsioListener<Protocol>>(cores, std::move(acceptor), Address{}, path,
                                                    std::move(accepted), log);
}

}  // namespace weir::net
