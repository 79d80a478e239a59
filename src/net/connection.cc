#include "net/connection.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/blocking.h"
#include "net/page_cache.h"

namespace weir::net {
namespace {

// One sendfile's worth. Each call has its price, so it grows while nobody else uses the core; a
// core does nothing else meanwhile, so it is small while others do.
constexpr std::size_t quantum_alone_bytes = 4 * MiB;
constexpr std::size_t quantum_shared_bytes = 256 * KiB;
// So much is looked at at a time, since to ask has its price.
constexpr std::uint64_t window_bytes = 4 * MiB;
constexpr std::chrono::milliseconds residency_lasts(100);
constexpr std::chrono::milliseconds pause_while_pool_is_full(10);

constexpr std::uint64_t lingering_bytes_max = 64 * MiB;
constexpr std::chrono::milliseconds lingering_time_max(5000);

// The same file, opened once more: the kernel decides by open file how far it reads ahead, and this
// one may have other readers. Without a descriptor for it, this one all the same.
class OpenedAgain {
  public:
    explicit OpenedAgain(int file)
        : file_(file),
          own_(::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDONLY | O_CLOEXEC)) {}
    ~OpenedAgain() {
        if (own_ >= 0) ::close(own_);
    }
    OpenedAgain(const OpenedAgain&) = delete;
    OpenedAgain& operator=(const OpenedAgain&) = delete;

    int file() const { return own_ >= 0 ? own_ : file_; }

  private:
    const int file_, own_;
};

iovec to_iovec(std::span<const std::byte> bytes) {
    return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

Task<Result<io::Buffer>> acquire_buffer(io::BufferPool& pool, std::chrono::milliseconds patience) {
    io::Buffer buffer = pool.try_acquire();
    if (buffer) co_return buffer;
    const Executor executor = co_await boost::asio::this_coro::executor;
    // The core's alone; a buffer that comes ends the timer.
    struct Waiting {
        boost::asio::steady_timer timer;
        std::optional<io::Buffer> given;
    };
    const auto waiting = std::make_shared<Waiting>(boost::asio::steady_timer(executor, patience));
    const std::optional<io::BufferPool::Ticket> ticket =
        pool.acquire([executor, waiting](io::Buffer given) {
            boost::asio::post(executor, [waiting, given = std::move(given)]() mutable {
                waiting->given = std::move(given);
                waiting->timer.cancel();
            });
        });
    if (!ticket) co_return fail(Code::slow_down);
    constexpr auto as_tuple = boost::asio::as_tuple(use_task);
    co_await waiting->timer.async_wait(as_tuple);
    if (!waiting->given && !pool.give_up(*ticket)) {
        // It is on its way to us.
        waiting->timer.expires_at(std::chrono::steady_clock::time_point::max());
        co_await waiting->timer.async_wait(as_tuple);
    }
    if (!waiting->given) co_return fail(Code::slow_down);
    co_return *std::move(waiting->given);
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
    core_.add(*this);
}

Connection::~Connection() { core_.remove(*this); }

void Connection::set_timeout(std::uint64_t timeout_ms) {
    timeout_ = std::chrono::milliseconds(timeout_ms);
    progress();
}

void Connection::check_deadline(std::chrono::steady_clock::time_point now) {
    if (!waiting_) return;
    timed_out_ = now >= *deadline_;
    paused_ = pause_at_ && now >= *pause_at_;
    if (timed_out_ || paused_) descriptor_.cancel();
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
    if (!deadline_) deadline_ = std::chrono::steady_clock::now() + timeout_;
    waiting_ = true;
    const auto [error] = co_await descriptor_.async_wait(kind, boost::asio::as_tuple(use_task));
    waiting_ = false;
    core_.take_turn();
    CO_TRY_VOID(interrupted());
    if (std::exchange(paused_, false)) co_return fail(Code::would_block);
    if (error) co_return fail(Code::io_error, "waiting for a socket: " + error.message());
    co_return Result<void>();
}

Task<Result<void>> Connection::handshake() {
    progress();
    for (;;) {
        CO_TRY(const Step step, stream_->handshake());
        if (step.want == Want::none) break;
        CO_TRY_VOID(co_await wait(step.want));
    }
    progress();
    co_return Result<void>();
}

Task<Result<std::size_t>> Connection::read_some(std::span<std::byte> out) {
    progress();
    for (;;) {
        CO_TRY_VOID(interrupted());
        CO_TRY(const Step step, stream_->read(out));
        if (step.want == Want::none) {
            progress();
            co_return step.bytes;
        }
        CO_TRY_VOID(co_await wait(step.want));
    }
}

Task<Result<void>> Connection::write(std::span<const std::byte> bytes, bool more) {
    progress();
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
    progress();
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

Task<Result<void>> Connection::run_on_pool(std::function<Result<void>()> work) {
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
        pause(core_.executor());
    for (;;) {
        Result<void> done = co_await run_blocking(pool_, work);
        if (done || done.error().code() != Code::slow_down) co_return done;
        CO_TRY_VOID(interrupted());
        pause.expires_after(pause_while_pool_is_full);
        co_await pause.async_wait(boost::asio::as_tuple(use_task));
    }
}

Task<Result<Step>> Connection::send_from_disk(int shared_file, std::uint64_t offset,
                                              std::uint64_t length) {
    Step step;
    auto work = [this, shared_file, offset, length, &step]() -> Result<void> {
        const OpenedAgain again(shared_file);
        TRY(step, stream_->send_file(again.file(), offset, length));
        return {};
    };
    CO_TRY_VOID(co_await run_on_pool(work));
    co_return step;
}

Task<Result<void>> Connection::send_file(int file, std::uint64_t offset, std::uint64_t length) {
    progress();
    std::size_t quantum = quantum_shared_bytes;
    std::uint64_t resident_until = offset;
    while (length > 0) {
        const std::size_t size = std::min<std::uint64_t>(length, quantum);
        const std::uint64_t window = std::min(length, window_bytes);
        if (resident_until < offset + size && is_resident(file, offset, window))
            resident_until = offset + window;
        Step step;
        if (resident_until >= offset + size) {
            CO_TRY(step, stream_->send_file(file, offset, size));
        } else {
            CO_TRY(step, co_await send_from_disk(file, offset, window));
        }
        if (step.bytes > 0) progress();
        bytes_out_ += step.bytes;
        offset += step.bytes;
        length -= step.bytes;
        if (length == 0) break;
        std::uint64_t turns = core_.turns();
        if (step.want != Want::none) {
            const auto begin = std::chrono::steady_clock::now();
            CO_TRY_VOID(co_await wait(step.want));
            ++turns;
            // What was there may have had to go meanwhile.
            if (std::chrono::steady_clock::now() - begin > residency_lasts) resident_until = offset;
        } else {
            // Others on this core get their turn.
            co_await boost::asio::post(core_.executor(), use_task);
            CO_TRY_VOID(interrupted());
        }
        quantum = core_.turns() != turns ? quantum_shared_bytes
                                         : std::min(quantum * 2, quantum_alone_bytes);
    }
    co_return Result<void>();
}

Task<void> Connection::linger() {
    shutdown();
    const int descriptor = descriptor_.native_handle();
    ::shutdown(descriptor, SHUT_WR);
    set_idle(true);
    const auto until = std::chrono::steady_clock::now() + lingering_time_max;
    std::vector<std::byte> dropped(64 * KiB);
    for (std::uint64_t bytes = 0; bytes < lingering_bytes_max;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            until - std::chrono::steady_clock::now());
        if (left.count() <= 0) co_return;
        set_timeout(static_cast<std::uint64_t>(left.count()));
        if (!co_await wait(Want::read)) co_return;
        const ssize_t n = ::recv(descriptor, dropped.data(), dropped.size(), 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) co_return;
        if (n > 0) bytes += static_cast<std::uint64_t>(n);
    }
}

}  // namespace weir::net
