#include "net/resolve.h"

#include <fmt/format.h>
#include <netdb.h>

#include <cstring>
#include <memory>

#include "base/check.h"

namespace weir::net {

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) : size_(size) {
    CHECK(size <= sizeof storage_);
    std::memcpy(&storage_, address, size);
}

Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0)
        return fail(Code::unavailable,
                    fmt::format("looking up {}: {}", host, ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
    std::vector<SocketAddress> addresses;
    for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next)
        addresses.emplace_back(at->ai_addr, at->ai_addrlen);
    return addresses;
}

}  // namespace weir::net
