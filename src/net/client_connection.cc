#include "net/client_connection.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/check.h"
#include "net/resolve.h"

namespace weir::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// While the kernel gathers bytes, what has come is looked at so often all the same: a slow peer is
// no dead one.
constexpr milliseconds gather_slice{500};
// What OpenSSL may hold of a record that is not whole.
constexpr std::uint64_t tls_record_bytes_max = 17 * 1024;

struct Socket {
    int descriptor = -1;
    explicit Socket(int family)
        : descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
    ~Socket() {
        if (descriptor >= 0) ::close(descriptor);
    }
    Socket(const Socket&) = delete;
    int release() { return std::exchange(descriptor, -1); }
};

// One poll() of the descriptor and of whoever may interrupt; its revents, 0 after `timeout`.
short poll_once(int descriptor, short events, const Interrupts& interrupts, milliseconds timeout) {
    std::array<pollfd, interrupts_max + 1> waits;
    waits[0] = {.fd = descriptor, .events = events, .revents = 0};
    nfds_t count = 1;
    for (const Interrupt* root : interrupts)
        for (const Interrupt* at = root; at != nullptr; at = at->parent()) {
            CHECK(count < waits.size());
            waits[count++] = {.fd = at->descriptor(), .events = POLLIN, .revents = 0};
        }
    const auto wait_ms = std::clamp<std::int64_t>(timeout.count(), 0, 3'600'000);
    const int ready = ::poll(waits.data(), count, static_cast<int>(wait_ms));
    CHECK(ready >= 0 || errno == EINTR);
    return ready > 0 ? waits[0].revents : short{0};
}

Error cancelled() { return Error(Code::cancelled, "the call was interrupted"); }

// The error of a socket that did not connect.
Result<void> finish_connect(int descriptor, milliseconds timeout, const Patience& patience) {
    auto end = steady_clock::now() + timeout;
    if (patience.deadline) end = std::min(end, *patience.deadline);
    for (;;) {
        if (interrupted(patience.interrupts)) return fail(cancelled());
        const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
        if (left.count() <= 0) return fail(Code::timeout, "no answer");
        if (poll_once(descriptor, POLLOUT, patience.interrupts, left) == 0) continue;
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
        if (error == 0) return {};
        return fail(Code::unavailable, std::generic_category().message(error));
    }
}

Result<int> connect_to(const SocketAddress& address, milliseconds timeout,
                       const Patience& patience) {
    Socket socket(address.family());
    if (socket.descriptor < 0) return fail(errno_error("making a socket", errno));
    const int on = 1;
    ::setsockopt(socket.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket.descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (::connect(socket.descriptor, address.address(), address.size()) != 0) {
        if (errno != EINPROGRESS && errno != EINTR)
            return fail(Code::unavailable, std::generic_category().message(errno));
        TRY_VOID(finish_connect(socket.descriptor, timeout, patience));
    }
    return socket.release();
}

// What the step says of the peer, in the words of a client.
Error of_peer(const Error& error) {
    if (error.code() == Code::access_denied || error.code() == Code::corrupt) return error;
    return Error(Code::unavailable, std::string(error.message()));
}

}  // namespace

Result<std::unique_ptr<ClientConnection>> ClientConnection::connect(const Peer& peer,
                                                                    milliseconds connect_timeout,
                                                                    const Patience& patience) {
    TRY(const std::vector<SocketAddress> addresses, resolve(peer.host, peer.port));
    Error last(Code::unavailable, "it has no address");
    for (const SocketAddress& address : addresses) {
        if (interrupted(patience.interrupts)) return fail(cancelled());
        const Result<int> descriptor = connect_to(address, connect_timeout, patience);
        if (!descriptor) {
            if (descriptor.error().code() == Code::cancelled) return fail(cancelled());
            last = descriptor.error();
            continue;
        }
        std::unique_ptr<Stream> stream;
        if (peer.tls == nullptr) {
            stream = plain_stream(*descriptor);
        } else {
            Result<std::unique_ptr<Stream>> made = peer.tls->connect(*descriptor, peer.host);
            if (!made) {
                ::close(*descriptor);
                return fail(made.error());
            }
            stream = *std::move(made);
        }
        auto connection = std::unique_ptr<ClientConnection>(
            new ClientConnection(*descriptor, std::move(stream), peer.tls != nullptr, patience));
        TRY_VOID(connection->handshake(connect_timeout));
        return connection;
    }
    return fail(last.code(),
                fmt::format("connecting to {}:{}: {}", peer.host, peer.port, last.message()));
}

ClientConnection::~ClientConnection() {
    // A session whose connection did not say goodbye is not resumed.
    if (tls_) stream_->shutdown();
    ::close(descriptor_);
}

Result<void> ClientConnection::handshake(milliseconds timeout) {
    const Patience given = patience_;
    patience_.stall = timeout;
    for (;;) {
        const Result<Step> step = stream_->handshake();
        if (!step) return fail(of_peer(step.error()));
        if (step->want == Want::none) break;
        TRY_VOID(wait(step->want, false));
    }
    progress();
    patience_ = given;
    return {};
}

Result<void> ClientConnection::waited(steady_clock::time_point now) {
    if (interrupted(patience_.interrupts)) return fail(cancelled());
    if (patience_.deadline && now >= *patience_.deadline)
        return fail(Code::timeout, "the call took too long");
    if (!stalled_since_) stalled_since_ = now;
    if (now - *stalled_since_ >= patience_.stall)
        return fail(Code::timeout,
                    fmt::format("the server moved no byte for {} ms", patience_.stall.count()));
    return {};
}

Result<ClientConnection::Ready> ClientConnection::wait(Want want, bool or_readable) {
    for (;;) {
        const auto now = steady_clock::now();
        TRY_VOID(waited(now));
        auto end = *stalled_since_ + patience_.stall;
        if (patience_.deadline) end = std::min(end, *patience_.deadline);
        auto left = std::chrono::ceil<milliseconds>(end - now);
        const bool gathers = want == Want::read && low_water_ > 1;
        if (gathers) left = std::min(left, gather_slice);
        const short wanted = want == Want::read ? POLLIN : POLLOUT;
        const auto events = static_cast<short>(wanted | (or_readable ? POLLIN : 0));
        const short ready = poll_once(descriptor_, events, patience_.interrupts, left);
        if ((ready & (wanted | POLLERR | POLLHUP)) != 0) return Ready::yes;
        if ((ready & POLLIN) != 0) return Ready::peer_spoke;
        // What has come, if anything, counts as progress once it is read.
        if (gathers) return Ready::slice_over;
    }
}

void ClientConnection::set_low_water_now(std::size_t bytes) {
    if (bytes == low_water_) return;
    const int value = static_cast<int>(bytes);
    // Without it we are woken more often, and that is all.
    if (::setsockopt(descriptor_, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value) == 0)
        low_water_ = bytes;
}

// Never more than what is still to come on the socket, or nobody would ever be woken.
void ClientConnection::choose_low_water(std::uint64_t announced) {
    const std::uint64_t held = tls_ ? tls_record_bytes_max : 0;
    const std::uint64_t to_come = announced > held ? announced - held : 1;
    set_low_water_now(static_cast<std::size_t>(std::min<std::uint64_t>(low_water_max_, to_come)));
}

Result<std::size_t> ClientConnection::read_some(std::span<std::byte> out, std::uint64_t announced) {
    if (interrupted(patience_.interrupts)) return fail(cancelled());
    for (;;) {
        const Result<Step> step = stream_->read(out);
        if (!step) return fail(of_peer(step.error()));
        if (step->want == Want::none) {
            progress();
            return step->bytes;
        }
        if (step->want == Want::read)
            choose_low_water(std::min<std::uint64_t>(announced, out.size()));
        TRY_VOID(wait(step->want, false));
    }
}

Result<Written> ClientConnection::write(std::span<const std::span<const std::byte>> buffers,
                                        bool more) {
    constexpr std::size_t vectors_max = 16;
    std::size_t first = 0, offset = 0;  // of what is not written yet
    while (first < buffers.size()) {
        std::array<iovec, vectors_max> vectors;
        std::size_t count = 0;
        for (std::size_t i = first; i < buffers.size() && count < vectors_max; ++i) {
            const auto rest = buffers[i].subspan(i == first ? offset : 0);
            vectors[count++] = {.iov_base = const_cast<std::byte*>(rest.data()),
                                .iov_len = rest.size()};
        }
        const Result<Step> step =
            stream_->write(std::span(vectors).first(count), more || first + count < buffers.size());
        if (!step) return fail(of_peer(step.error()));
        if (step->bytes > 0) progress();
        offset += step->bytes;
        while (first < buffers.size() && offset >= buffers[first].size())
            offset -= buffers[first++].size();
        if (step->want == Want::none) continue;
        TRY(const Ready ready, wait(step->want, watches_peer_ && !tls_));
        if (ready == Ready::peer_spoke) return Written::peer_spoke;
    }
    return Written::all;
}

Result<Written> ClientConnection::send_file(int file, std::uint64_t offset, std::uint64_t length) {
    while (length > 0) {
        const Result<Step> step =
            stream_->send_file(file, offset, static_cast<std::size_t>(length));
        if (!step) return fail(of_peer(step.error()));
        if (step->bytes > 0) progress();
        offset += step->bytes;
        length -= step->bytes;
        if (step->want == Want::none || length == 0) continue;
        TRY(const Ready ready, wait(step->want, watches_peer_ && !tls_));
        if (ready == Ready::peer_spoke) return Written::peer_spoke;
    }
    return Written::all;
}

Result<bool> ClientConnection::wait_readable(milliseconds duration) {
    set_low_water_now(1);
    const auto end = steady_clock::now() + duration;
    for (;;) {
        if (interrupted(patience_.interrupts)) return fail(cancelled());
        const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
        if (left.count() <= 0) return false;
        if (poll_once(descriptor_, POLLIN, patience_.interrupts, left) != 0) return true;
    }
}

bool ClientConnection::at_rest() {
    set_low_water_now(1);
    if (poll_once(descriptor_, POLLIN, {}, milliseconds(0)) == 0) return true;
    if (!tls_) return false;
    // Session tickets and key updates come unasked.
    std::byte unasked{};
    const Result<Step> step = stream_->read({&unasked, 1});
    return step && step->want == Want::read;
}

}  // namespace weir::net
