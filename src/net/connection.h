#pragma once
// One accepted connection on its core: coroutines over a Stream's steps, with deadlines.
//
// Made and destroyed on its core, used by one coroutine at a time. Every operation ends with
// Code::timeout once its deadline has passed, and with Code::cancelled when the peer or a drain
// cuts the connection off.

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "io/blocking_pool.h"
#include "net/core.h"
#include "net/stream.h"
#include "net/task.h"

namespace weir::net {

class Connection {
  public:
    // Takes the descriptor over. `pool` is where file ranges that are not in memory are sent from.
    Connection(Core& core, int descriptor, std::unique_ptr<Stream> stream, std::string peer,
               io::BlockingPool& pool);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Core& core() { return core_; }
    const std::string& peer() const { return peer_; }

    // From now on an operation may wait this long without progress. Time that nobody waits for the
    // peer does not count.
    void set_timeout(std::uint64_t timeout_ms);

    Task<Result<void>> handshake();
    // At least one byte; 0 where the peer has ended.
    Task<Result<std::size_t>> read_some(std::span<std::byte> out);
    // A read that still waits after this moment fails with would_block, soon, and may be tried
    // again; nullopt: only the timeout ends it.
    void pause_reads_at(std::optional<std::chrono::steady_clock::time_point> moment) {
        pause_at_ = moment;
    }
    // All of the bytes; `more`: something follows at once, so a packet may wait for it.
    Task<Result<void>> write(std::span<const std::byte> bytes, bool more);
    Task<Result<void>> write(std::span<const std::byte> head, std::span<const std::byte> body);
    // Blocking work between two pieces of a reply. A reply that has begun cannot turn into SlowDown
    // any more: while the pool is full, this waits.
    Task<Result<void>> run_on_pool(std::function<Result<void>()> work);
    Task<Result<void>> send_file(int file, std::uint64_t offset, std::uint64_t length);

    // Between requests nothing is lost by cutting the connection off.
    void set_idle(bool idle) { idle_ = idle; }
    bool idle() const { return idle_; }

    // Tells the peer that nothing follows.
    void shutdown() { stream_->shutdown(); }
    // The same where the peer may still be sending: drops what comes for a while. Closing at once
    // would reset the connection, and the peer might never see the reply.
    Task<void> linger();
    // For the core.
    void check_deadline(std::chrono::steady_clock::time_point now);
    void cut_off();

    std::uint64_t bytes_out() const { return bytes_out_; }

  private:
    Task<Result<void>> wait(Want want);
    // On a thread that may wait for the disk, until the socket is full.
    Task<Result<Step>> send_from_disk(int file, std::uint64_t offset, std::uint64_t length);
    Result<void> interrupted() const;
    void progress() { deadline_.reset(); }

    Core& core_;
    boost::asio::posix::basic_stream_descriptor<Executor> descriptor_;
    std::unique_ptr<Stream> stream_;
    std::string peer_;
    io::BlockingPool& pool_;
    std::chrono::milliseconds timeout_{60'000};
    std::optional<std::chrono::steady_clock::time_point>
        deadline_;  // set by the first wait since progress was made
    std::optional<std::chrono::steady_clock::time_point> pause_at_;
    bool waiting_ = false;
    bool paused_ = false;
    bool timed_out_ = false;
    bool cut_off_ = false;
    bool idle_ = false;
    std::uint64_t bytes_out_ = 0;
};

}  // namespace weir::net
