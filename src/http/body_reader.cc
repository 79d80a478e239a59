#include "http/body_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace weir::http {
namespace {

constexpr std::size_t line_bytes_max = 4096;
constexpr std::size_t trailer_lines_max = 64;
// Small chunks come many at a time.
constexpr std::size_t receive_bytes = 64 * 1024;

// In a line of chunked coding: a bare CR ends a line to some readers, NUL a text.
bool has_control_character(std::string_view line) {
    return std::ranges::any_of(line, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && byte != '\t') || byte == 0x7f;
    });
}

// RFC 9112 7.1: hexadecimal digits, then perhaps an extension.
std::optional<std::uint64_t> parse_chunk_size(std::string_view line) {
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (error != std::errc() || end == line.data()) return std::nullopt;
    std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
    if (!rest.empty() && rest.front() != ';') return std::nullopt;
    return size;
}

}  // namespace

std::span<std::byte> ReceiveBuffer::prepare(std::size_t count) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (storage_.size() - end_ < count) {
        if (begin_ > 0) std::memmove(storage_.data(), storage_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        if (storage_.size() - end_ < count) storage_.resize(end_ + count);
    }
    return std::span(storage_).subspan(end_);
}

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
