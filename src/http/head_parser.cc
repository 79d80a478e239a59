#include "http/head_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

#include "base/bytes.h"
#include "http/head_text.h"

namespace weir::http {
namespace {

namespace beast = boost::beast;

std::string_view text(beast::string_view view) { return {view.data(), view.size()}; }

// Takes what Beast finds as views into the bytes it was given. Beast's own message would copy each
// field.
class HeadReader final : public beast::http::basic_parser<true> {
  public:
    HeadReader(RequestHead& head, std::size_t fields_max) : head_(head), fields_max_(fields_max) {}

    unsigned version() const { return version_; }
    bool has_too_many_fields() const { return head_.fields.size() > fields_max_; }

  private:
    void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                         int version, beast::error_code&) override {
        head_.method = text(method);
        head_.target = text(target);
        version_ = static_cast<unsigned>(version);
    }
    void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                       beast::error_code& error) override {
        head_.fields.push_back({text(name), text(value)});
        if (has_too_many_fields()) error = beast::http::error::header_limit;
    }
    void on_header_impl(beast::error_code&) override {}
    void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override {
        return 0;
    }
    void on_finish_impl(beast::error_code&) override {}

    RequestHead& head_;
    const std::size_t fields_max_;
    unsigned version_ = 0;
};

// RFC 9112 sections 3.2, 6.1 and 6.3: where the body ends must be beyond doubt.
Result<void> read_framing(RequestHead& head, unsigned version) {
    std::size_t lengths = 0, codings = 0, hosts = 0;
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
            head.expects_continue =
                version == 11 && equal_ignoring_case(field.value, "100-continue");
        } else if (equal_ignoring_case(field.name, "Host")) {
            ++hosts;
        }
    }
    if (lengths > 0 && codings > 0)
        return fail(Code::invalid_request,
                    "A request has either a Content-Length or a Transfer-Encoding.");
    if (codings > 0 && version == 10)
        return fail(Code::invalid_request, "HTTP/1.0 knows no Transfer-Encoding.");
    if (hosts > 1 || (hosts == 0 && version == 11))
        return fail(Code::invalid_request, "A request has exactly one Host header.");
    return {};
}

}  // namespace

struct HeadParser::State {
    std::string raw;  // a copy, since the receive buffer moves on while the request is handled
    RequestHead head;
    std::size_t searched =
        0;  // bytes in which no end was found, so that a slow head costs no more than a fast one
};

HeadParser::HeadParser(const Limits& limits) : limits_(limits), state_(std::make_unique<State>()) {}
HeadParser::~HeadParser() = default;

RequestHead& HeadParser::head() { return state_->head; }

std::optional<std::string_view> RequestHead::field(std::string_view name) const {
    for (const Field& field : fields)
        if (equal_ignoring_case(field.name, name)) return field.value;
    return std::nullopt;
}

Result<std::optional<std::size_t>> HeadParser::parse(std::span<const std::byte> bytes) {
    const std::string_view received = as_text(bytes);
    const std::size_t end = received.find(head_end, state_->searched);
    const std::size_t size =
        end == std::string_view::npos ? received.size() : end + head_end.size();
    if (size > limits_.request_head_bytes_max) return fail(Code::request_header_too_large);
    if (end == std::string_view::npos) {
        state_->searched = received.size() - std::min(received.size(), head_end.size() - 1);
        return std::nullopt;
    }
    state_->searched = 0;
    state_->raw.assign(received.substr(0, size));
    if (has_folded_line(state_->raw))
        return fail(Code::invalid_request, "A header line is folded.");

    RequestHead& head = state_->head;
    std::vector<Field> fields = std::move(head.fields);  // for its memory
    fields.clear();
    head = RequestHead();
    head.fields = std::move(fields);
    HeadReader reader(head, limits_.request_headers_max);
    reader.header_limit(static_cast<std::uint32_t>(limits_.request_head_bytes_max));
    reader.body_limit(boost::none);
    beast::error_code error;
    reader.put(boost::asio::const_buffer(state_->raw.data(), state_->raw.size()), error);
    if (reader.has_too_many_fields()) return fail(Code::request_header_too_large);
    if (error || !reader.is_header_done())
        return fail(Code::invalid_request, "This is no HTTP/1.1 request: " + error.message());
    if (reader.version() != 11 && reader.version() != 10)
        return fail(Code::invalid_request, "Only HTTP/1.0 and HTTP/1.1 are served here.");
    TRY_VOID(read_framing(head, reader.version()));
    head.keep_alive = reader.keep_alive();
    head.knows_chunks = reader.version() == 11;
    return size;
}

}  // namespace weir::http
