#pragma once
// What bytes go through: plain TCP or TLS, on a non-blocking descriptor. A step does what can be
// done at once and says what it waits for; connection.h turns steps into coroutines.
//
// Owned by its Connection; one thread at a time.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"

namespace weir::net {

enum class Want { none, read, write };

struct Step {
    std::size_t bytes = 0;   // done now; 0 with Want::none: the peer has ended (read)
    Want want = Want::none;  // what must become ready before more can be done
};

class Stream {
  public:
    virtual ~Stream() = default;
    virtual Result<Step> handshake() = 0;
    virtual Result<Step> read(std::span<std::byte> out) = 0;
    // Some of the buffers' bytes. `more`: something follows at once, so a packet may wait for it.
    virtual Result<Step> write(std::span<const iovec> buffers, bool more) = 0;
    // A range is sent to its end, each step where the last one stopped. Only this may move bytes
    // and want something, too.
    virtual Result<Step> send_file(int file, std::uint64_t offset, std::size_t length) = 0;
    // Tells the peer that nothing follows; best effort.
    virtual void shutdown() = 0;
};

std::unique_ptr<Stream> plain_stream(int descriptor);

}  // namespace weir::net
