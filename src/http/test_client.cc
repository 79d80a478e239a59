#include "http/test_client.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"

namespace weir::http::test {
namespace {

// So that a test fails and does not hang; long enough for a sanitizer on a busy machine.
constexpr timeval rest_max{.tv_sec = 60, .tv_usec = 0};

int connect_to(const sockaddr* address, socklen_t size) {
    const int descriptor = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(descriptor >= 0);
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &rest_max, sizeof rest_max);
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &rest_max, sizeof rest_max);
    CHECK(::connect(descriptor, address, size) == 0);
    return descriptor;
}

int connect_to_port(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

}  // namespace

struct Client::State {
    ~State() {
        SSL_free(ssl);
        SSL_CTX_free(context);
        ::close(descriptor);
    }
    int descriptor = -1;
    SSL_CTX* context = nullptr;
    SSL* ssl = nullptr;
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

Client Client::tcp(std::uint16_t port) {
    auto state = std::make_unique<State>();
    state->descriptor = connect_to_port(port);
    return Client(std::move(state));
}

Client Client::unix_domain(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    auto state = std::make_unique<State>();
    state->descriptor = connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return Client(std::move(state));
}

Client Client::tls(std::uint16_t port) {
    auto state = std::make_unique<State>();
    state->descriptor = connect_to_port(port);
    state->context = SSL_CTX_new(TLS_client_method());
    static constexpr unsigned char offered[] = "\x02h2\x08http/1.1";
    SSL_CTX_set_alpn_protos(state->context, offered, sizeof offered - 1);
    state->ssl = SSL_new(state->context);
    SSL_set_fd(state->ssl, state->descriptor);
    CHECK(SSL_connect(state->ssl) == 1);
    return Client(std::move(state));
}

bool Client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n =
            state_->ssl != nullptr
                ? SSL_write(state_->ssl, bytes.data(), static_cast<int>(bytes.size()))
                : ::send(state_->descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

bool Client::read_more() {
    char buffer[64 * 1024];
    const ssize_t n = state_->ssl != nullptr ? SSL_read(state_->ssl, buffer, sizeof buffer)
                                             : ::recv(state_->descriptor, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(n));
    return true;
}

std::optional<Reply> Client::receive(bool to_head) {
    std::size_t end = std::string::npos;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos)
        if (!read_more()) return std::nullopt;
    Reply reply;
    const std::string head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    CHECK(head.starts_with("HTTP/1.1 "));
    reply.status = static_cast<unsigned>(std::stoul(head.substr(9, 3)));
    for (std::size_t line = head.find("\r\n") + 2; line < head.size();) {
        const std::size_t colon = head.find(": ", line), line_end = head.find("\r\n", line);
        CHECK(colon < line_end);
        const bool added = reply.fields
                               .emplace(lower(head.substr(line, colon - line)),
                                        head.substr(colon + 2, line_end - colon - 2))
                               .second;
        CHECK(added);
        line = line_end + 2;
    }
    if (to_head) return reply;
    if (reply.fields.contains("transfer-encoding")) {
        if (!receive_chunks(reply.body)) return std::nullopt;
        return reply;
    }
    if (!reply.fields.contains("content-length")) return reply;
    const std::size_t length = std::stoul(reply.fields["content-length"]);
    if (!receive_bytes(reply.body, length)) return std::nullopt;
    return reply;
}

bool Client::receive_bytes(std::string& out, std::size_t count) {
    while (received_.size() < count)
        if (!read_more()) return false;
    out += received_.substr(0, count);
    received_.erase(0, count);
    return true;
}

bool Client::receive_chunks(std::string& out) {
    for (;;) {
        std::size_t end = std::string::npos;
        while ((end = received_.find("\r\n")) == std::string::npos)
            if (!read_more()) return false;
        const std::size_t size = std::stoul(received_.substr(0, end), nullptr, 16);
        received_.erase(0, end + 2);
        std::string line_end;
        if (!receive_bytes(out, size) || !receive_bytes(line_end, 2)) return false;
        CHECK(line_end == "\r\n");
        if (size == 0) return true;
    }
}

std::string Client::receive_some() {
    if (received_.empty()) read_more();
    return std::exchange(received_, {});
}

bool Client::ended() { return received_.empty() && !read_more(); }

void Client::finish() { ::shutdown(state_->descriptor, SHUT_WR); }

std::string Client::serial() const {
    X509* certificate = SSL_get1_peer_certificate(state_->ssl);
    const ASN1_INTEGER* number = X509_get0_serialNumber(certificate);
    std::string serial(reinterpret_cast<const char*>(ASN1_STRING_get0_data(number)),
                       static_cast<std::size_t>(ASN1_STRING_length(number)));
    X509_free(certificate);
    return serial;
}

std::string Client::protocol() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(state_->ssl, &name, &length);
    return {reinterpret_cast<const char*>(name), length};
}

}  // namespace weir::http::test
