#pragma once
// For tests: a server that answers whatever is asked with the bytes it was told, however wrong, one
// connection at a time.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"

namespace weir::http::test {

struct PeerManners {
    std::size_t read_bytes = 1;         // of a request before it answers
    std::size_t write_bytes = 1 << 20;  // at a time
    bool hold = false;  // keeps the connection open after the last reply, as long as it lives
};

class ScriptedPeer {
  public:
    explicit ScriptedPeer(std::vector<std::string> replies, PeerManners manners = {})
        : replies_(std::move(replies)), manners_(manners) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        CHECK(::listen(listener_, 8) == 0);
        socklen_t size = sizeof address;
        CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~ScriptedPeer() {
        stopping_.store(true);
        ::shutdown(listener_, SHUT_RDWR);
        if (const int open = connection_.load(); open >= 0) ::shutdown(open, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }

    std::uint16_t port() const { return port_; }

  private:
    void run() {
        const int connection = ::accept(listener_, nullptr, nullptr);
        if (connection < 0) return;
        connection_.store(connection);
        for (const std::string& reply : replies_)
            if (!read_some(connection) || !write_all(connection, reply)) break;
        // Without reading: what was asked stays in the socket.
        while (manners_.hold && !stopping_.load())
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        char rest[4096];
        // What was not read would make a reset of the end, and the peer might lose what it was
        // sent.
        ::shutdown(connection, SHUT_WR);
        while (!stopping_.load() && ::recv(connection, rest, sizeof rest, 0) > 0) {
        }
        connection_.store(-1);
        ::close(connection);
    }

    bool read_some(int connection) const {
        std::string got(manners_.read_bytes, '\0');
        return ::recv(connection, got.data(), got.size(), MSG_WAITALL) > 0;
    }

    bool write_all(int connection, std::string_view text) const {
        while (!text.empty()) {
            const std::string_view piece = text.substr(0, manners_.write_bytes);
            if (::send(connection, piece.data(), piece.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(piece.size()))
                return false;
            text.remove_prefix(piece.size());
        }
        return true;
    }

    const std::vector<std::string> replies_;
    const PeerManners manners_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_ = false;
    std::atomic<int> connection_ = -1;
    std::thread thread_;
};

}  // namespace weir::http::test
