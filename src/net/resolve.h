#pragma once
// A host's addresses, by the system's resolver; blocking. Private to net.
//
// Pure values; safe from any thread. unavailable where the name is not known or cannot be asked
// for.

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::net {

class SocketAddress {
  public:
    SocketAddress(const sockaddr* address, socklen_t size);

    int family() const { return storage_.ss_family; }
    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage_); }
    socklen_t size() const { return size_; }

  private:
    sockaddr_storage storage_{};
    socklen_t size_;
};

// In the order in which they should be tried.
Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port);

}  // namespace weir::net
