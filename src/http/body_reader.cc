#include "http/body_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "http/head_text.h"

namespace weir::http {
namespace {

constexpr std::size_t line_bytes_max = 4096;
constexpr std::size_t trailer_lines_max = 64;
// Small chunks come many at a time.
constexpr std::size_t receive_bytes = 64 * 1024;

}  // namespace

BodyReader::BodyReader(net::Connection& connection, ReceiveBuffer& buffer, const RequestHead& head)
    : connection_(connection),
      buffer_(buffer),
      chunked_(head.chunked),
      must_continue_(head.expects_continue),
      at_end_(!head.chunked && head.content_length.value_or(0) == 0),
      left_(head.chunked ? 0 : head.content_length.value_or(0)) {}

net::Task<Result<void>> BodyReader::send_continue() {
    must_continue_ = false;
    // What has come already needs no leave.
    if (!buffer_.bytes().empty()) co_return Result<void>();
    co_return co_await connection_.write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"), false);
}

net::Task<Result<std::size_t>> BodyReader::receive(std::span<std::byte> out) {
    connection_.pause_reads_at(pause_at_);
    Result<std::size_t> count = co_await connection_.read_some(out);
    connection_.pause_reads_at(std::nullopt);
    if (!count && count.error().code() == Code::timeout) co_return fail(Code::request_timeout);
    if (count && *count == 0) co_return fail(Code::incomplete_body);
    co_return count;
}

net::Task<Result<std::size_t>> BodyReader::read_raw(std::span<std::byte> out) {
    const std::span<const std::byte> waiting = buffer_.bytes();
    if (!waiting.empty()) {
        const std::size_t count = std::min(waiting.size(), out.size());
        std::memcpy(out.data(), waiting.data(), count);
        buffer_.consume(count);
        co_return count;
    }
    co_return co_await receive(out);
}

// Takes nothing before the line is whole, so that it can be tried again.
net::Task<Result<std::string>> BodyReader::read_line() {
    for (;;) {
        const std::string_view waiting = as_text(buffer_.bytes());
        const std::size_t newline = waiting.find('\n');
        if (std::min(newline, waiting.size()) > line_bytes_max)
            co_return fail(Code::invalid_encoding);
        if (newline != std::string_view::npos) {
            std::string line(waiting.substr(0, newline));
            buffer_.consume(newline + 1);
            if (!line.ends_with('\r')) co_return fail(Code::invalid_encoding);
            line.pop_back();
            if (has_control_character(line)) co_return fail(Code::invalid_encoding);
            co_return line;
        }
        CO_TRY(const std::size_t count, co_await receive(buffer_.prepare(receive_bytes)));
        buffer_.committed(count);
    }
}

net::Task<Result<void>> BodyReader::next_chunk() {
    if (after_chunk_) {
        CO_TRY(const std::string line, co_await read_line());
        if (!line.empty()) co_return fail(Code::invalid_encoding);
        after_chunk_ = false;
    }
    if (!in_trailers_) {
        CO_TRY(const std::string line, co_await read_line());
        const std::optional<std::uint64_t> size = parse_chunk_size(line);
        if (!size) co_return fail(Code::invalid_encoding);
        left_ = *size;
        if (left_ > 0) co_return Result<void>();
        in_trailers_ = true;
    }
    // Trailers of HTTP itself; S3's own are inside aws-chunked.
    for (; trailer_lines_ < trailer_lines_max; ++trailer_lines_) {
        CO_TRY(const std::string trailer, co_await read_line());
        if (trailer.empty()) {
            at_end_ = true;
            co_return Result<void>();
        }
    }
    co_return fail(Code::invalid_encoding);
}

net::Task<Result<std::size_t>> BodyReader::read_some(std::span<std::byte> out) {
    if (at_end_ || out.empty()) co_return std::size_t(0);
    if (failed_) co_return fail(Code::incomplete_body);
    Result<std::size_t> count = co_await read_next(out);
    failed_ = !count && count.error().code() != Code::would_block;
    co_return count;
}

net::Task<Result<std::size_t>> BodyReader::read_next(std::span<std::byte> out) {
    if (must_continue_) CO_TRY_VOID(co_await send_continue());
    if (chunked_ && left_ == 0) {
        CO_TRY_VOID(co_await next_chunk());
        if (at_end_) co_return std::size_t(0);
    }
    CO_TRY(const std::size_t count,
           co_await read_raw(out.first(std::min<std::uint64_t>(out.size(), left_))));
    left_ -= count;
    bytes_read_ += count;
    if (left_ == 0) (chunked_ ? after_chunk_ : at_end_) = true;
    co_return count;
}

}  // namespace weir::http
