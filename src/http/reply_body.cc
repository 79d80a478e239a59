#include "http/reply_body.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "http/head_text.h"

namespace weir::http {
namespace {

constexpr std::size_t line_bytes_max = 4096;
constexpr std::size_t trailer_lines_max = 64;
constexpr std::size_t receive_bytes = 16 * 1024;

std::unexpected<Error> broken_chunks() {
    return fail(Code::invalid_encoding, "The chunks of the server's reply are none.");
}

}  // namespace

void ReplyBody::begin(const ReplyHead& head, bool none) {
    left_ = head.content_length.value_or(0);
    after_chunk_ = false;
    kind_ = Kind::until_close;
    if (head.chunked) kind_ = Kind::chunked;
    if (head.content_length) kind_ = left_ > 0 ? Kind::length : Kind::none;
    if (none) kind_ = Kind::none;
    by_close_ = kind_ == Kind::until_close;
}

Result<std::size_t> ReplyBody::read_raw(std::span<std::byte> out, std::uint64_t announced) {
    const std::span<const std::byte> waiting = buffer_.bytes();
    if (waiting.empty()) return connection_.read_some(out, announced);
    const std::size_t count = std::min(waiting.size(), out.size());
    std::memcpy(out.data(), waiting.data(), count);
    buffer_.consume(count);
    return count;
}

Result<std::string> ReplyBody::read_line() {
    for (;;) {
        const std::string_view waiting = as_text(buffer_.bytes());
        const std::size_t newline = waiting.find('\n');
        if (std::min(newline, waiting.size()) > line_bytes_max) return broken_chunks();
        if (newline != std::string_view::npos) {
            std::string line(waiting.substr(0, newline));
            buffer_.consume(newline + 1);
            if (!line.ends_with('\r')) return broken_chunks();
            line.pop_back();
            if (has_control_character(line)) return broken_chunks();
            return line;
        }
        TRY(const std::size_t count, connection_.read_some(buffer_.prepare(receive_bytes)));
        if (count == 0) return fail(Code::unavailable, "the connection ended inside of a reply");
        buffer_.committed(count);
    }
}

// At the end, left_ is 0 and so is kind_.
Result<void> ReplyBody::next_chunk() {
    if (after_chunk_) {
        TRY(const std::string line, read_line());
        if (!line.empty()) return broken_chunks();
        after_chunk_ = false;
    }
    TRY(const std::string line, read_line());
    const std::optional<std::uint64_t> size = parse_chunk_size(line);
    if (!size) return broken_chunks();
    left_ = *size;
    if (left_ > 0) return {};
    for (std::size_t i = 0; i < trailer_lines_max; ++i) {
        TRY(const std::string trailer, read_line());
        if (!trailer.empty()) continue;
        kind_ = Kind::none;
        return {};
    }
    return broken_chunks();
}

Result<std::size_t> ReplyBody::read_some(std::span<std::byte> out) {
    if (kind_ == Kind::none || out.empty()) return std::size_t(0);
    if (kind_ == Kind::until_close) {
        TRY(const std::size_t count, read_raw(out, 0));
        if (count == 0) kind_ = Kind::none;
        return count;
    }
    if (kind_ == Kind::chunked && left_ == 0) {
        TRY_VOID(next_chunk());
        if (kind_ == Kind::none) return std::size_t(0);
    }
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    TRY(const std::size_t count, read_raw(out.first(wanted), left_));
    if (count == 0) return fail(Code::unavailable, "the connection ended inside of a reply's body");
    left_ -= count;
    if (left_ == 0 && kind_ == Kind::length) kind_ = Kind::none;
    if (left_ == 0 && kind_ == Kind::chunked) after_chunk_ = true;
    return count;
}

}  // namespace weir::http
