#include "mount/fault_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "base/check.h"

namespace weir::mount {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int new_socket() {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(made >= 0);
    return made;
}

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool readable(const pollfd& each) { return (each.revents & (POLLIN | POLLHUP | POLLERR)) != 0; }

}  // namespace

FaultProxy::FaultProxy(std::uint16_t port_of_store)
    : port_of_store_(port_of_store), listener_(new_socket()), stop_(::eventfd(0, EFD_CLOEXEC)) {
    CHECK(stop_ >= 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    CHECK(::bind(listener_, any, length) == 0 && ::listen(listener_, SOMAXCONN) == 0);
    CHECK(::getsockname(listener_, any, &length) == 0);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept(); });
}

FaultProxy::~FaultProxy() {
    CHECK(::eventfd_write(stop_, 1) == 0);
    accepting_.join();
    for (std::thread& connection : connections_) connection.join();
    ::close(listener_);
    ::close(stop_);
}

void FaultProxy::set(Fault fault) {
    const MutexLock lock(mutex_);
    fault_ = std::move(fault);
}

FaultProxy::Fault FaultProxy::fault() {
    const MutexLock lock(mutex_);
    return fault_;
}

void FaultProxy::accept() {
    while (true) {
        std::array<pollfd, 2> wait = {{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
        if (::poll(wait.data(), wait.size(), -1) < 0) continue;
        if (readable(wait[1])) return;
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0) connections_.emplace_back([this, client] { serve(client); });
    }
}

void FaultProxy::serve(int client) {
    const int store = new_socket();
    const sockaddr_in address = loopback(port_of_store_);
    std::array<char, 64 * 1024> bytes{};
    std::function<void()> lose;  // what the store answers next
    bool open = ::connect(store, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    while (open) {
        std::array<pollfd, 3> wait = {
            {{client, POLLIN, 0}, {store, POLLIN, 0}, {stop_, POLLIN, 0}}};
        if (::poll(wait.data(), wait.size(), -1) < 0) continue;
        if (readable(wait[2])) break;
        const bool asks = readable(wait[0]);
        const ssize_t got = ::recv(asks ? client : store, bytes.data(), bytes.size(), 0);
        if (got <= 0) break;
        const std::string_view piece(bytes.data(), static_cast<std::size_t>(got));
        if (!asks && lose) {
            lose();
            break;
        }
        const Fault fault = this->fault();
        if (asks && !fault.words.empty() && piece.contains(fault.words)) {
            const auto then = fault.then ? fault.then : [] {};
            if (fault.done) {
                lose = then;
            } else {
                then();
                send_all(client, fault.answer);
                break;
            }
        }
        open = send_all(asks ? store : client, piece);
    }
    ::close(client);
    ::close(store);
}

}  // namespace weir::mount
