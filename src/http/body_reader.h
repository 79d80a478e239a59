#pragma once
// A request's body, pulled by the handler: by Content-Length or chunked, decoded. Until the handler
// first reads, nothing is asked of a client that waits for 100 Continue.
//
// Belongs to its request, on its core.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/limits.h"
#include "http/message.h"
#include "http/receive_buffer.h"
#include "net/connection.h"

namespace weir::http {

class BodyReader {
  public:
    BodyReader(net::Connection& connection, ReceiveBuffer& buffer, const RequestHead& head);

    // Some bytes of the body; 0 at its end. incomplete_body when the client goes away,
    // request_timeout when it stalls, invalid_encoding for chunks that are none.
    net::Task<Result<std::size_t>> read_some(std::span<std::byte> out);

    // As Connection::pause_reads_at: read_some may fail with would_block, and nothing is lost.
    void pause_at(std::optional<std::chrono::steady_clock::time_point> moment) {
        pause_at_ = moment;
    }

    bool at_end() const { return at_end_; }
    // Nobody knows where a body ends that could not be read.
    bool failed() const { return failed_; }
    // Has the client been told to send, or did it never wait?
    bool asked_for() const { return !must_continue_; }
    std::uint64_t bytes_read() const { return bytes_read_; }
    // Bytes still to come, as far as the head told.
    std::uint64_t announced() const { return chunked_ ? 0 : left_; }

  private:
    net::Task<Result<std::size_t>> read_next(std::span<std::byte> out);
    net::Task<Result<void>> send_continue();
    net::Task<Result<std::size_t>> receive(std::span<std::byte> out);
    net::Task<Result<std::size_t>> read_raw(std::span<std::byte> out);
    net::Task<Result<std::string>> read_line();
    net::Task<Result<void>> next_chunk();

    net::Connection& connection_;
    ReceiveBuffer& buffer_;
    const bool chunked_;
    bool must_continue_;
    bool at_end_;
    std::uint64_t left_;        // of the body, or of the chunk
    bool after_chunk_ = false;  // its line end is still to come
    bool in_trailers_ = false;
    std::size_t trailer_lines_ = 0;
    bool failed_ = false;
    std::optional<std::chrono::steady_clock::time_point> pause_at_;
    std::uint64_t bytes_read_ = 0;
};

}  // namespace weir::http
