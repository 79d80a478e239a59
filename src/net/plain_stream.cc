#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "net/stream.h"

namespace weir::net {
namespace {

Result<Step> outcome(ssize_t n, Want want, std::string_view call) {
    if (n >= 0) return Step{.bytes = static_cast<std::size_t>(n), .want = Want::none};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Step{.bytes = 0, .want = want};
    if (errno == ECONNRESET || errno == EPIPE)
        return fail(Code::cancelled, fmt::format("{}: the peer is gone", call));
    return fail(errno_error(call, errno));
}

template <typename Call>
ssize_t uninterrupted(Call call) {
    ssize_t n = call();
    while (n < 0 && errno == EINTR) n = call();
    return n;
}

class PlainStream final : public Stream {
  public:
    explicit PlainStream(int descriptor) : descriptor_(descriptor) {}

    Result<Step> handshake() override { return Step{}; }

    Result<Step> read(std::span<std::byte> out) override {
        return outcome(
            uninterrupted([&] { return ::recv(descriptor_, out.data(), out.size(), 0); }),
            Want::read, "receiving");
    }

    Result<Step> write(std::span<const iovec> buffers, bool more) override {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(buffers.data());
        message.msg_iovlen = buffers.size();
        return outcome(uninterrupted([&] {
                           return ::sendmsg(descriptor_, &message,
                                            MSG_NOSIGNAL | (more ? MSG_MORE : 0));
                       }),
                       Want::write, "sending");
    }

    Result<Step> send_file(int file, std::uint64_t offset, std::size_t length) override {
        off_t at = static_cast<off_t>(offset);
        const ssize_t n = uninterrupted([&] { return ::sendfile(descriptor_, file, &at, length); });
        if (n == 0 && length > 0)
            return fail(Code::corrupt, "the file ends before the range that is being sent");
        // Sockets have other errors.
        if (n < 0 && errno == EIO) return fail(Code::corrupt, "the file cannot be read");
        TRY(Step step, outcome(n, Want::write, "sending a file"));
        // Less than was asked for: the socket is full, and to ask again would be a call for
        // nothing.
        if (step.bytes < length) step.want = Want::write;
        return step;
    }

    void shutdown() override { ::shutdown(descriptor_, SHUT_WR); }

  private:
    int descriptor_;
};

}  // namespace

std::unique_ptr<Stream> plain_stream(int descriptor) {
    return std::make_unique<PlainStream>(descriptor);
}

}  // namespace weir::net
