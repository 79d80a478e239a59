#include "transport.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/limits.h"

namespace weir::bench {
namespace {

constexpr std::uint64_t piece_bytes_max = 4 * MiB;  // of one call, so that others get their turn

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "s3_load: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

int connect_to(const Options& options) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) give_up("socket");
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    if (::inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1)
        give_up("the host is no address");
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        give_up("connect");
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::fcntl(socket, F_SETFL, O_NONBLOCK) != 0) give_up("fcntl");
    return socket;
}

class PlainTransport : public Transport {
  public:
    explicit PlainTransport(int socket) : socket_(socket) {}
    ~PlainTransport() override { ::close(socket_); }

    int descriptor() const override { return socket_; }

    Moved send(std::string_view bytes, bool more) override {
        return moved(
            ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
    }

    Moved send_body(const Body& body, std::uint64_t offset) override {
        off_t at = body.file_offset(offset);
        return moved(::sendfile(socket_, body.file(), &at, body.at(offset).size()));
    }

    Moved receive(std::span<char> into) override {
        return ended(moved(::recv(socket_, into.data(), into.size(), 0)));
    }

    Moved discard(std::uint64_t bytes) override {
        return ended(moved(::recv(socket_, nullptr, std::min(bytes, piece_bytes_max), MSG_TRUNC)));
    }

  private:
    static Moved moved(ssize_t result) {
        if (result >= 0) return {.bytes = static_cast<std::size_t>(result)};
        if (errno == EAGAIN || errno == EINTR) return {.blocked = true};
        return {.closed = true};
    }
    static Moved ended(Moved result) {
        result.closed = result.closed || (result.bytes == 0 && !result.blocked);
        return result;
    }

    int socket_;
};

SSL_CTX* tls_context() {
    static SSL_CTX* const context = [] {
        SSL_CTX* made = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return made;
    }();
    return context;
}

class TlsTransport : public Transport {
  public:
    explicit TlsTransport(int socket) : socket_(socket), tls_(SSL_new(tls_context())) {
        SSL_set_fd(tls_, socket);
        SSL_set_connect_state(tls_);
    }
    ~TlsTransport() override {
        SSL_free(tls_);
        ::close(socket_);
    }

    int descriptor() const override { return socket_; }

    Moved send(std::string_view bytes, bool) override {
        ERR_clear_error();
        std::size_t done = 0;
        return moved(SSL_write_ex(tls_, bytes.data(), bytes.size(), &done), done);
    }

    Moved send_body(const Body& body, std::uint64_t offset) override {
        return send(body.at(offset), false);
    }

    Moved receive(std::span<char> into) override {
        ERR_clear_error();
        std::size_t done = 0;
        return moved(SSL_read_ex(tls_, into.data(), into.size(), &done), done);
    }

    Moved discard(std::uint64_t bytes) override {
        static thread_local std::array<char, 64 * KiB> dropped;
        return receive(std::span(dropped).first(std::min<std::uint64_t>(bytes, dropped.size())));
    }

  private:
    Moved moved(int result, std::size_t done) const {
        if (result == 1) return {.bytes = done};
        const int error = SSL_get_error(tls_, result);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return {.blocked = true};
        return {.closed = true};
    }

    int socket_;
    SSL* tls_;
};

}  // namespace

std::unique_ptr<Transport> dial(const Options& options) {
    const int socket = connect_to(options);
    if (options.tls) return std::make_unique<TlsTransport>(socket);
    return std::make_unique<PlainTransport>(socket);
}

}  // namespace weir::bench
