#pragma once
// A connection that we made, for a thread that may wait: a Stream's steps, with poll() between
// them.
//
// Owned by its user; one thread at a time. Failure: unavailable where the peer cannot be reached or
// has gone, timeout past the deadline or after a stall, cancelled by an Interrupt, access_denied
// for a certificate that is not trusted. After a failure it is of no use any more.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "net/interrupt.h"
#include "net/stream.h"
#include "net/tls_client.h"

namespace weir::net {

struct Peer {
    std::string host;  // a name or an address
    std::uint16_t port = 0;
    TlsClientContext* tls = nullptr;  // none: plain TCP
};

// How long its user waits, until it says otherwise.
struct Patience {
    Interrupts interrupts = {};
    std::chrono::milliseconds stall{30'000};  // without progress
    std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

enum class Written { all, peer_spoke };

class ClientConnection {
  public:
    // Tries each address that the host has, `connect_timeout` each.
    static Result<std::unique_ptr<ClientConnection>> connect(
        const Peer& peer, std::chrono::milliseconds connect_timeout, const Patience& patience);
    ~ClientConnection();
    ClientConnection(const ClientConnection&) = delete;
    ClientConnection& operator=(const ClientConnection&) = delete;

    void set_patience(const Patience& patience) { patience_ = patience; }

    // At least one byte; 0 where the peer has ended. `announced`: so many are known to come, of
    // which the kernel may gather some before it wakes us.
    Result<std::size_t> read_some(std::span<std::byte> out, std::uint64_t announced = 0);
    // All of it, unless the peer says something meanwhile, which only plain TCP can tell.
    Result<Written> write(std::span<const std::span<const std::byte>> buffers, bool more);
    Result<Written> send_file(int file, std::uint64_t offset, std::uint64_t length);
    // Whether the peer says something, or ends, within that time.
    Result<bool> wait_readable(std::chrono::milliseconds duration);

    // Of a connection at rest: is it open, and has the peer said nothing? What comes unasked, TLS's
    // own messages apart, makes it useless.
    bool at_rest();

    // Whether write() and send_file() stop when the peer says something.
    void watch_peer(bool watch) { watches_peer_ = watch; }

    // A body's reader is woken for so many bytes, or the rest.
    void set_low_water(std::size_t bytes) { low_water_max_ = bytes > 0 ? bytes : 1; }

  private:
    ClientConnection(int descriptor, std::unique_ptr<Stream> stream, bool tls,
                     const Patience& patience)
        : descriptor_(descriptor), stream_(std::move(stream)), tls_(tls), patience_(patience) {}

    enum class Ready { yes, peer_spoke, slice_over };

    Result<void> handshake(std::chrono::milliseconds timeout);
    Result<Ready> wait(Want want, bool or_readable);
    Result<void> waited(std::chrono::steady_clock::time_point now);
    void choose_low_water(std::uint64_t announced);
    void set_low_water_now(std::size_t bytes);
    void progress() { stalled_since_.reset(); }

    const int descriptor_;
    const std::unique_ptr<Stream> stream_;
    const bool tls_;
    bool watches_peer_ = true;
    Patience patience_;
    std::size_t low_water_max_ = 1;
    std::size_t low_water_ = 1;  // the socket's
    std::optional<std::chrono::steady_clock::time_point> stalled_since_;
};

}  // namespace weir::net
