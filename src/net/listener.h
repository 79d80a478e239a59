#pragma once
// Accepts connections and hands each to the least loaded core. TCP addresses are HOST:PORT
// ("127.0.0.1:9000",
// "[::1]:9000", port 0 for any free one); unix-domain sockets are paths.
//
// Owned by main(). The callbacks run on the chosen core.

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "net/core.h"

namespace weir::net {

struct Address {
    std::string host;
    std::uint16_t port = 0;
    std::string text() const;  // with brackets where IPv6 needs them
};
// invalid_argument with what is accepted.
Result<Address> parse_address(const std::string& text);

class Listener {
  public:
    // Gets the accepted descriptor, which it owns, and the peer's address.
    using Accepted = std::function<void(Core& core, int descriptor, std::string peer)>;

    static Result<std::unique_ptr<Listener>> tcp(Cores& cores, const Address& address,
                                                 Accepted accepted, Log& log);
    // Replaces a socket file that is there; mode 0600.
    static Result<std::unique_ptr<Listener>> unix_domain(Cores& cores, const std::string& path,
                                                         Accepted accepted, Log& log);
    virtual ~Listener() = default;

    virtual void start() = 0;
    // No connection is accepted after this returns. Call from any thread but the cores'.
    virtual void stop() = 0;
    // Where it listens, with the real port.
    virtual const Address& address() const = 0;
};

}  // namespace weir::net
