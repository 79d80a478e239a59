#pragma once
// A socket that does not block, plain or with TLS, as a load generator wants it: bodies are sent
// without a copy and dropped in the kernel where that can be.
//
// Owned by one Connection, used by its thread. A connection that cannot be made ends the program:
// there is nothing to measure then.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "options.h"
#include "request_source.h"

namespace weir::bench {

struct Moved {
    std::size_t bytes = 0;
    bool blocked = false;  // nothing now; wait
    bool closed = false;   // by the other side, or broken
};

class Transport {
  public:
    virtual ~Transport() = default;
    virtual int descriptor() const = 0;
    // `more`: something follows at once.
    virtual Moved send(std::string_view bytes, bool more) = 0;
    virtual Moved send_body(const Body& body, std::uint64_t offset) = 0;
    virtual Moved receive(std::span<char> into) = 0;
    // Receives up to `bytes` and forgets them.
    virtual Moved discard(std::uint64_t bytes) = 0;
};

// Connected. Without TLS ready; with it, the handshake goes on within the first sends.
std::unique_ptr<Transport> dial(const Options& options);

}  // namespace weir::bench
