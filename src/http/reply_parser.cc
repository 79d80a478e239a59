#include "http/reply_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

#include "base/bytes.h"
#include "http/head_text.h"

namespace weir::http {
namespace {

namespace beast = boost::beast;

std::string_view text(beast::string_view view) { return {view.data(), view.size()}; }

// Takes what Beast finds as views into the bytes it was given.
class ReplyReader final : public beast::http::basic_parser<false> {
  public:
    ReplyReader(ReplyHead& head, std::size_t fields_max) : head_(head), fields_max_(fields_max) {}

    unsigned version() const { return version_; }
    bool has_too_many_fields() const { return head_.fields.size() > fields_max_; }

  private:
    void on_response_impl(int status, beast::string_view, int version,
                          beast::error_code&) override {
        head_.status = static_cast<unsigned>(status);
        version_ = static_cast<unsigned>(version);
    }
    void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                       beast::error_code& error) override {
        head_.fields.push_back({text(name), text(value)});
        if (has_too_many_fields()) error = beast::http::error::header_limit;
    }
    void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                         beast::error_code&) override {}
    void on_header_impl(beast::error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override {
        return 0;
    }
    void on_finish_impl(beast::error_code&) override {}

    ReplyHead& head_;
    const std::size_t fields_max_;
    unsigned version_ = 0;
};

std::unexpected<Error> no_reply(std::string_view why) {
    return fail(Code::invalid_encoding, "The server's reply is no HTTP/1.1: " + std::string(why));
}

// Two lengths, or a length beside chunks, and nobody knows where the next reply begins.
Result<void> read_framing(ReplyHead& head, unsigned version) {
    std::size_t lengths = 0, codings = 0;
    for (const Field& field : head.fields) {
        if (equal_ignoring_case(field.name, "Content-Length")) {
            ++lengths;
            head.content_length = parse_length(field.value);
            if (!head.content_length || lengths > 1)
                return no_reply("its Content-Length is not one number.");
        } else if (equal_ignoring_case(field.name, "Transfer-Encoding")) {
            ++codings;
            if (!equal_ignoring_case(field.value, "chunked") || codings > 1)
                return no_reply("its Transfer-Encoding is not chunked.");
            head.chunked = true;
        }
    }
    if (lengths > 0 && codings > 0)
        return no_reply("it has a Content-Length and a Transfer-Encoding.");
    if (codings > 0 && version == 10) return no_reply("HTTP/1.0 knows no Transfer-Encoding.");
    return {};
}

}  // namespace

struct ReplyParser::State {
    std::string raw;  // a copy: the receive buffer moves on while the body is read
    ReplyHead head;
    std::size_t searched = 0;  // bytes in which no end was found
};

ReplyParser::ReplyParser(const ClientLimits& limits)
    : limits_(limits), state_(std::make_unique<State>()) {}
ReplyParser::~ReplyParser() = default;

const ReplyHead& ReplyParser::head() const { return state_->head; }

std::optional<std::string_view> ReplyHead::field(std::string_view name) const {
    for (const Field& field : fields)
        if (equal_ignoring_case(field.name, name)) return field.value;
    return std::nullopt;
}

Result<std::optional<std::size_t>> ReplyParser::parse(std::span<const std::byte> bytes) {
    const std::string_view received = as_text(bytes);
    const std::size_t end = received.find(head_end, state_->searched);
    const std::size_t size =
        end == std::string_view::npos ? received.size() : end + head_end.size();
    if (size > limits_.reply_head_bytes_max) return no_reply("its head is too large.");
    if (end == std::string_view::npos) {
        state_->searched = received.size() - std::min(received.size(), head_end.size() - 1);
        return std::nullopt;
    }
    state_->searched = 0;
    state_->raw.assign(received.substr(0, size));
    if (has_folded_line(state_->raw)) return no_reply("a line of its head is folded.");

    ReplyHead& head = state_->head;
    head = ReplyHead();
    ReplyReader reader(head, limits_.reply_headers_max);
    reader.header_limit(static_cast<std::uint32_t>(limits_.reply_head_bytes_max));
    reader.body_limit(boost::none);
    reader.skip(true);
    beast::error_code error;
    reader.put(boost::asio::const_buffer(state_->raw.data(), state_->raw.size()), error);
    if (reader.has_too_many_fields()) return no_reply("it has too many headers.");
    if (error || !reader.is_header_done()) return no_reply(error.message());
    if (reader.version() != 11 && reader.version() != 10) return no_reply("of another version.");
    if (head.status < 100 || head.status > 599) return no_reply("its status is none.");
    TRY_VOID(read_framing(head, reader.version()));
    // Not Beast's keep_alive(), which knows no reply to a HEAD.
    head.keep_alive = reader.version() == 11;
    for (const Field& field : head.fields) {
        if (!equal_ignoring_case(field.name, "Connection")) continue;
        if (has_token(field.value, "close"))
            head.keep_alive = false;
        else if (has_token(field.value, "keep-alive"))
            head.keep_alive = true;
    }
    return size;
}

}  // namespace weir::http
