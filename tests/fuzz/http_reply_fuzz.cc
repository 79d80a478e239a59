// The head of a reply. Where its body ends is beyond doubt, and it does not matter in which pieces
// it came.

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "http/head_text.h"
#include "http/reply_parser.h"

namespace weir::http {
namespace {

using Parsed = Result<std::optional<std::size_t>>;

bool same(const Parsed& a, const Parsed& b) {
    if (a.has_value() != b.has_value()) return false;
    return a ? *a == *b : a.error().code() == b.error().code();
}

std::size_t count_fields(const ReplyHead& head, std::string_view name) {
    return static_cast<std::size_t>(std::ranges::count_if(
        head.fields, [&](const Field& field) { return equal_ignoring_case(field.name, name); }));
}

void check_head(const ReplyHead& head, std::string_view raw) {
    CHECK(head.status >= 100 && head.status <= 599);
    const std::size_t lengths = count_fields(head, "Content-Length");
    const std::size_t codings = count_fields(head, "Transfer-Encoding");
    CHECK(lengths + codings <= 1);
    CHECK(head.content_length.has_value() == (lengths == 1));
    CHECK(head.chunked == (codings == 1));
    for (const Field& field : head.fields) CHECK(!fuzz::has_control_character(field.value));
    // Each line is the status line, a field or the end, and nothing else ends a line.
    CHECK(raw.ends_with("\r\n\r\n"));
    CHECK(static_cast<std::size_t>(std::ranges::count(raw, '\n')) == head.fields.size() + 2);
}

// As it would come from a slow server.
void check_pieces(std::string_view input, std::size_t step, const Parsed& expected) {
    const ClientLimits limits;
    ReplyParser parser(limits);
    for (std::size_t end = std::min(step, input.size());;
         end = std::min(end + step, input.size())) {
        const Parsed parsed = parser.parse(as_bytes(input.substr(0, end)));
        if (!parsed || parsed->has_value() || end == input.size()) {
            CHECK(same(parsed, expected));
            return;
        }
    }
}

void check(std::string_view input) {
    const ClientLimits limits;
    ReplyParser parser(limits);
    const Parsed parsed = parser.parse(as_bytes(input));
    check_pieces(input, 1, parsed);
    check_pieces(input, 7, parsed);
    if (!parsed || !*parsed) return;
    CHECK(**parsed <= input.size());
    check_head(parser.head(), input.substr(0, **parsed));
}

}  // namespace
}  // namespace weir::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::http::check(weir::fuzz::as_input(data, size));
    return 0;
}
