#include "fault_proxy.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace weir::client::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool send_all(int to, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t count = ::send(to, data, size, MSG_NOSIGNAL);
        if (count <= 0) return false;
        data += count;
        size -= static_cast<std::size_t>(count);
    }
    return true;
}

// By a reset where something was not read: as a server that dies.
void close_hard(int descriptor) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(descriptor);
}

}  // namespace

FaultProxy::FaultProxy(std::uint16_t server_port, Plan plan)
    : server_port_(server_port), plan_(std::move(plan)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_, 128) == 0);
    socklen_t size = sizeof address;
    CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
}

FaultProxy::~FaultProxy() {
    stopping_.store(true);
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    std::vector<std::thread> threads;
    {
        const MutexLock lock(mutex_);
        threads = std::move(threads_);
    }
    for (std::thread& thread : threads) thread.join();
    ::close(listener_);
}

std::vector<std::string> FaultProxy::asked() {
    const MutexLock lock(mutex_);
    return asked_;
}

void FaultProxy::accept_all() {
    for (;;) {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) return;
        const Fault fault = plan_(connections_++);
        MutexLock lock(mutex_);
        threads_.emplace_back([this, client, fault] { serve(client, fault); });
    }
}

void FaultProxy::serve(int client, const Fault& fault) {
    if (fault.kind == Fault::Kind::refuse) return close_hard(client);
    if (fault.kind == Fault::Kind::answer) {
        std::array<char, 64 * 1024> request;
        const ssize_t got = ::recv(client, request.data(), request.size(), 0);
        if (got > 0) {
            {
                const MutexLock lock(mutex_);
                asked_.emplace_back(request.data(), static_cast<std::size_t>(got));
            }
            send_all(client, fault.text.data(), fault.text.size());
        }
        ::shutdown(client, SHUT_WR);
        while (!stopping_.load() && ::recv(client, request.data(), request.size(), 0) > 0) {
        }
        ::close(client);
        return;
    }
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(server_port_);
    CHECK(::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    pump(client, server, fault);
    close_hard(client);
    ::close(server);
}

void FaultProxy::pump(int client, int server, const Fault& fault) {
    std::vector<char> memory(256 * 1024);
    std::uint64_t requested = 0, replied = 0;
    bool stalled = false;
    while (!stopping_.load()) {
        std::array<pollfd, 2> waits{
            {{.fd = client, .events = POLLIN, .revents = 0},
             {.fd = stalled ? -1 : server, .events = POLLIN, .revents = 0}}};
        ::poll(waits.data(), waits.size(), 50);
        if (waits[0].revents != 0) {
            ssize_t count = ::recv(client, memory.data(), memory.size(), 0);
            if (count <= 0) return;
            if (fault.kind == Fault::Kind::die_at_second && replied > 0) return;
            const bool cut = fault.kind == Fault::Kind::cut_request &&
                             requested + static_cast<std::uint64_t>(count) > fault.bytes;
            if (cut) count = static_cast<ssize_t>(fault.bytes - requested);
            requested += static_cast<std::uint64_t>(count);
            if (!send_all(server, memory.data(), static_cast<std::size_t>(count)) || cut) return;
        }
        if (waits[1].revents == 0) continue;
        const ssize_t got = ::recv(server, memory.data(), memory.size(), 0);
        if (got <= 0) return;
        auto count = static_cast<std::uint64_t>(got);
        if (fault.kind == Fault::Kind::lose_reply) return;
        if (fault.kind == Fault::Kind::flip && fault.bytes >= replied &&
            fault.bytes < replied + count)
            memory[fault.bytes - replied] ^= 1;
        const bool ends =
            fault.kind == Fault::Kind::cut_reply || fault.kind == Fault::Kind::stall_reply;
        const bool over = ends && replied + count > fault.bytes;
        if (over) count = fault.bytes - replied;
        replied += count;
        if (!send_all(client, memory.data(), count)) return;
        if (over && fault.kind == Fault::Kind::cut_reply) {
            // What was sent arrives before the end.
            ::shutdown(client, SHUT_WR);
            while (!stopping_.load() && ::recv(client, memory.data(), memory.size(), 0) > 0) {
            }
            return;
        }
        stalled = over;
    }
}

}  // namespace weir::client::test
