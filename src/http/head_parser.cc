#include "http/head_parser.h"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <charconv>

#include "base/bytes.h"

namespace weir::http {
namespace {

namespace beast = boost::beast;
using Parser = beast::http::request_parser<beast::http::empty_body>;

std::string_view text(beast::string_view view) { return {view.data(), view.size()}; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return beast::iequals(beast::string_view(a.data(), a.size()),
                          beast::string_view(b.data(), b.size()));
}

// Beast unfolds lines that begin with white space; what another hop made of them nobody knows.
bool has_folded_line(std::string_view head) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
         at = head.find("\r\n", at + 2))
        if (at + 2 < head.size() && (head[at + 2] == ' ' || head[at + 2] == '\t')) return true;
    return false;
}

std::optional<std::uint64_t> parse_length(std::string_view digits) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.empty())
        return std::nullopt;
    return length;
}

Result<void> read_framing(RequestHead& head) {
    std::size_t lengths = 0, codings = 0;
    for (const Field& field : head.fields) {
        if (equal_ignoring_case(field.name, "Content-Length")) {
            ++lengths;
            head.content_length = parse_length(field.value);
            if (!head.content_length || lengths > 1)
                return fail(Code::invalid_request, "The Content-Length header is not one number.");
        } else if (equal_ignoring_case(field.name, "Transfer-Encoding")) {
            ++codings;
            if (!equal_ignoring_case(field.value, "chunked") || codings > 1)
                return fail(Code::not_implemented,
                            "A Transfer-Encoding other than chunked is not implemented.");
            head.chunked = true;
        } else if (equal_ignoring_case(field.name, "Expect")) {
            head.expects_continue = equal_ignoring_case(field.value, "100-continue");
        }
    }
    if (lengths > 0 && codings > 0)
        return fail(Code::invalid_request,
                    "A request has either a Content-Length or a Transfer-Encoding.");
    return {};
}

}  // namespace

struct HeadParser::State {
    std::optional<Parser> parser;
};

HeadParser::HeadParser(const Limits& limits) : limits_(limits), state_(std::make_unique<State>()) {}
HeadParser::~HeadParser() = default;

std::optional<std::string_view> RequestHead::field(std::string_view name) const {
    for (const Field& field : fields)
        if (equal_ignoring_case(field.name, name)) return field.value;
    return std::nullopt;
}

Result<std::optional<HeadParser::Parsed>> HeadParser::parse(std::span<const std::byte> bytes) {
    // Beast parses a head only when it is whole; before that it would look through all of it at
    // each read.
    const std::string_view received = as_text(bytes);
    const std::size_t end = received.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        if (received.size() > limits_.request_head_bytes_max)
            return fail(Code::request_header_too_large);
        return std::nullopt;
    }
    const std::string_view raw = received.substr(0, end + 4);
    if (raw.size() > limits_.request_head_bytes_max) return fail(Code::request_header_too_large);
    if (has_folded_line(raw)) return fail(Code::invalid_request, "A header line is folded.");
    Parser& parser = state_->parser.emplace();
    parser.header_limit(static_cast<std::uint32_t>(limits_.request_head_bytes_max));
    parser.body_limit(boost::none);
    beast::error_code error;
    const std::size_t consumed =
        parser.put(boost::asio::const_buffer(raw.data(), raw.size()), error);
    if (error || !parser.is_header_done())
        return fail(Code::invalid_request, "This is no HTTP/1.1 request: " + error.message());
    Parsed parsed;
    parsed.consumed = consumed;
    const auto& message = parser.get();
    parsed.head.method = text(message.method_string());
    parsed.head.target = text(message.target());
    parsed.head.keep_alive = parser.keep_alive();
    for (const auto& field : message)
        parsed.head.fields.push_back({text(field.name_string()), text(field.value())});
    if (parsed.head.fields.size() > limits_.request_headers_max)
        return fail(Code::request_header_too_large);
    if (message.version() != 11 && message.version() != 10)
        return fail(Code::invalid_request, "Only HTTP/1.0 and HTTP/1.1 are served here.");
    TRY_VOID(read_framing(parsed.head));
    if (message.version() == 10) parsed.head.expects_continue = false;
    return parsed;
}

}  // namespace weir::http
