#include "net/connection.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

#include "base/bytes.h"
#include "net/blocking.h"

namespace weir::net {
namespace {

// One sendfile's worth. Large while nobody else waits, since each call has its price; small while
// others do, since a core does nothing else meanwhile.
constexpr std::size_t quantum_alone_bytes = 4 * 1024 * 1024;
constexpr std::size_t quantum_shared_bytes = 256 * 1024;

// Whether the range's ends are in the page cache, which says enough of what lies between.
bool is_resident(int file, std::uint64_t offset, std::size_t length) {
    for (const std::uint64_t at : {offset, offset + length - 1}) {
        char byte;
        const iovec buffer{.iov_base = &byte, .iov_len = 1};
        if (::preadv2(file, &buffer, 1, static_cast<off_t>(at), RWF_NOWAIT) != 1) return false;
    }
    return true;
}

iovec to_iovec(std::span<const std::byte> bytes) {
    return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

Task<io::Buffer> acquire_buffer(io::BufferPool& pool) {
    io::Buffer buffer = pool.try_acquire();
    if (buffer) co_return buffer;
    const Executor executor = co_await boost::asio::this_coro::executor;
    auto initiate = [&pool, &buffer, &executor](auto handler) {
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        pool.acquire([&buffer, executor, resume](io::Buffer given) {
            buffer = std::move(given);
            boost::asio::post(executor, [resume] { std::move (*resume)(); });
        });
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>, void()>(
        std::move(initiate), use_task);
    co_return buffer;
}

Connection::Connection(Core& core, int descriptor, std::unique_ptr<Stream> stream, std::string peer,
                       io::BlockingPool& pool)
    : core_(core),
      descriptor_(core.executor(), descriptor),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      pool_(pool) {
    descriptor_.non_blocking(true);
    const int one = 1;
    // Fails on sockets that are not TCP, which need it as little.
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    progress();
    core_.add(*this);
}

Connection::~Connection() { core_.remove(*this); }

void Connection::set_timeout(std::uint64_t timeout_ms) {
    timeout_ = std::chrono::milliseconds(timeout_ms);
    progress();
}

void Connection::progress() { deadline_ = std::chrono::steady_clock::now() + timeout_; }

void Connection::check_deadline(std::chrono::steady_clock::time_point now) {
    if (now < deadline_) return;
    timed_out_ = true;
    descriptor_.cancel();
}

void Connection::cut_off() {
    cut_off_ = true;
    descriptor_.cancel();
}

Result<void> Connection::interrupted() const {
    if (cut_off_) return fail(Code::cancelled, "the connection is cut off");
    if (timed_out_) return fail(Code::timeout, "the client made no progress in time");
    return {};
}

Task<Result<void>> Connection::wait(Want want) {
    CO_TRY_VOID(interrupted());
    const auto kind = want == Want::read ? boost::asio::posix::descriptor_base::wait_read
                                         : boost::asio::posix::descriptor_base::wait_write;
    const auto [error] = co_await descriptor_.async_wait(kind, boost::asio::as_tuple(use_task));
    CO_TRY_VOID(interrupted());
    if (error) co_return fail(Code::io_error, "waiting for a socket: " + error.message());
    co_return Result<void>();
}

Task<Result<void>> Connection::handshake() {
    for (;;) {
        CO_TRY(const Step step, stream_->handshake());
        if (step.want == Want::none) break;
        CO_TRY_VOID(co_await wait(step.want));
    }
    progress();
    co_return Result<void>();
}

Task<Result<std::size_t>> Connection::read_some(std::span<std::byte> out) {
    for (;;) {
        CO_TRY_VOID(interrupted());
        CO_TRY(const Step step, stream_->read(out));
        if (step.want == Want::none) {
            progress();
            bytes_in_ += step.bytes;
            co_return step.bytes;
        }
        CO_TRY_VOID(co_await wait(step.want));
    }
}

Task<Result<void>> Connection::write(std::span<const std::byte> bytes, bool more) {
    while (!bytes.empty()) {
        const std::array buffers{to_iovec(bytes)};
        CO_TRY(const Step step, stream_->write(buffers, more));
        if (step.want != Want::none) {
            CO_TRY_VOID(co_await wait(step.want));
            continue;
        }
        progress();
        bytes_out_ += step.bytes;
        bytes = bytes.subspan(step.bytes);
    }
    co_return Result<void>();
}

Task<Result<void>> Connection::write(std::span<const std::byte> head,
                                     std::span<const std::byte> body) {
    while (!head.empty()) {
        const std::array buffers{to_iovec(head), to_iovec(body)};
        CO_TRY(const Step step,
               stream_->write(std::span(buffers).first(body.empty() ? 1 : 2), false));
        if (step.want != Want::none) {
            CO_TRY_VOID(co_await wait(step.want));
            continue;
        }
        progress();
        bytes_out_ += step.bytes;
        const std::size_t of_head = std::min(step.bytes, head.size());
        head = head.subspan(of_head);
        body = body.subspan(step.bytes - of_head);
    }
    co_return co_await write(body, false);
}

Task<Result<void>> Connection::send_file(int file, std::uint64_t offset, std::uint64_t length) {
    struct Busy {
        explicit Busy(Core& core_in) : core(core_in) { core.enter_busy(); }
        ~Busy() { core.leave_busy(); }
        Core& core;
    } const busy(core_);
    while (length > 0) {
        const bool alone = core_.busy() == 1 && core_.connections() == 1;
        const std::size_t quantum =
            std::min<std::uint64_t>(length, alone ? quantum_alone_bytes : quantum_shared_bytes);
        Result<Step> step = Step{};
        if (is_resident(file, offset, quantum)) {
            step = stream_->send_file(file, offset, quantum);
        } else {
            // The pool's thread may wait for the disk; nobody else touches the stream meanwhile.
            auto send = [&] { return stream_->send_file(file, offset, quantum); };
            step = co_await run_blocking(pool_, send);
        }
        if (!step) co_return fail(std::move(step).error());
        if (step->want != Want::none) {
            CO_TRY_VOID(co_await wait(step->want));
            continue;
        }
        progress();
        bytes_out_ += step->bytes;
        offset += step->bytes;
        length -= step->bytes;
        CO_TRY_VOID(interrupted());
        // Others on this core get their turn.
        if (!alone && length > 0) co_await boost::asio::post(core_.executor(), use_task);
    }
    co_return Result<void>();
}

}  // namespace weir::net
