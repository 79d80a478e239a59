#include "reply_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace weir::bench {
namespace {

constexpr int reads_at_once = 32;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The value of a header; `name` in lower case.
std::optional<std::string_view> header(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
        const std::size_t begin = at + 2;
        at = head.find("\r\n", begin);
        const std::string_view line = head.substr(begin, at - begin);
        if (line.size() <= name.size() || line[name.size()] != ':') continue;
        if (!std::ranges::equal(line.substr(0, name.size()), name, {}, lower)) continue;
        std::string_view value = line.substr(name.size() + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        return value;
    }
    return std::nullopt;
}

template <typename Number>
bool parse(std::string_view text, Number& number, int base) {
    return std::from_chars(text.data(), text.data() + text.size(), number, base).ec == std::errc();
}

}  // namespace

void ReplyReader::begin(bool head_only) {
    filled_ = 0;
    part_ = Part::head;
    head_only_ = head_only;
    closes_ = false;
    status_ = 0;
    chunk_line_.clear();
    last_chunk_ = false;
}

bool ReplyReader::good() const {
    return status_ >= 200 && status_ < 300 &&
           std::string_view(buffer_.data(), filled_).find("<Error>") == std::string_view::npos;
}

ReplyReader::State ReplyReader::read(Transport& transport, std::uint64_t& bytes) {
    for (int i = 0; i < reads_at_once; ++i) {
        if (part_ == Part::head) {
            if (const State state = read_head(transport, bytes); state != State::reading)
                return state;
            if (part_ == Part::head) return State::reading;
            continue;
        }
        if (part_ == Part::chunked) return read_chunks(transport, bytes);
        const Moved moved = transport.discard(part_ == Part::until_close ? UINT32_MAX : left_);
        if (moved.closed) return part_ == Part::until_close ? State::done : State::closed;
        if (moved.blocked) return State::reading;
        bytes += moved.bytes;
        left_ -= std::min<std::uint64_t>(left_, moved.bytes);
        if (part_ == Part::sized && left_ == 0) return State::done;
    }
    return State::reading;
}

ReplyReader::State ReplyReader::read_head(Transport& transport, std::uint64_t& bytes) {
    const Moved moved = transport.receive(std::span(buffer_).subspan(filled_));
    if (moved.closed) return State::closed;
    if (moved.blocked) return State::reading;
    filled_ += moved.bytes;
    const std::string_view text(buffer_.data(), filled_);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos)
        return filled_ == buffer_.size() ? State::broken : State::reading;
    if (const State state = parse_head(text.substr(0, end + 2)); state != State::reading)
        return state;
    const std::string_view rest = text.substr(end + 4);
    if (part_ == Part::chunked) return take_chunks(rest, bytes);
    bytes += rest.size();
    if (part_ == Part::until_close) return State::reading;
    if (rest.size() > left_) return State::broken;
    left_ -= rest.size();
    return left_ == 0 ? State::done : State::reading;
}

ReplyReader::State ReplyReader::parse_head(std::string_view head) {
    if (!head.starts_with("HTTP/1.") || head.size() < 12 || !parse(head.substr(9, 3), status_, 10))
        return State::broken;
    const auto connection = header(head, "connection");
    closes_ = connection && std::ranges::equal(*connection, std::string_view("close"), {}, lower);
    left_ = 0;
    part_ = Part::sized;
    if (head_only_ || status_ == 204 || status_ == 304) return State::reading;
    if (const auto length = header(head, "content-length"))
        return parse(*length, left_, 10) ? State::reading : State::broken;
    part_ = header(head, "transfer-encoding") ? Part::chunked : Part::until_close;
    return State::reading;
}

ReplyReader::State ReplyReader::read_chunks(Transport& transport, std::uint64_t& bytes) {
    static thread_local std::array<char, 64 * 1024> read;
    for (int i = 0; i < reads_at_once; ++i) {
        const Moved moved = transport.receive(read);
        if (moved.closed) return State::closed;
        if (moved.blocked) return State::reading;
        const State state = take_chunks({read.data(), moved.bytes}, bytes);
        if (state != State::reading) return state;
    }
    return State::reading;
}

// Trailers are not expected: after the last chunk comes an empty line.
ReplyReader::State ReplyReader::take_chunks(std::string_view text, std::uint64_t& bytes) {
    while (!text.empty()) {
        if (left_ != 0) {
            const std::size_t taken = std::min<std::uint64_t>(left_, text.size());
            bytes += taken;
            left_ -= taken;
            text.remove_prefix(taken);
            continue;
        }
        const std::size_t end = text.find('\n');
        chunk_line_ += text.substr(0, end);
        if (end == std::string_view::npos) return State::reading;
        text.remove_prefix(end + 1);
        if (last_chunk_) return State::done;
        if (!parse(chunk_line_, left_, 16)) return State::broken;
        chunk_line_.clear();
        last_chunk_ = left_ == 0;
        if (!last_chunk_) left_ += 2;
    }
    return State::reading;
}

}  // namespace weir::bench
