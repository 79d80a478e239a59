// The head of a request. What is accepted means the same to every other reader: no line is hidden
// in another, the end of the body is beyond doubt, and it does not matter in which pieces it came.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "http/head_parser.h"

namespace weir::http {
namespace {

using Parsed = Result<std::optional<std::size_t>>;

bool same(const Parsed& a, const Parsed& b) {
    if (a.has_value() != b.has_value()) return false;
    return a ? *a == *b : a.error().code() == b.error().code();
}

bool is_token(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               others.find(c) != std::string_view::npos;
    });
}

std::size_t count_fields(const RequestHead& head, std::string_view lower_name) {
    return static_cast<std::size_t>(std::ranges::count_if(head.fields, [&](const Field& field) {
        return std::ranges::equal(field.name, lower_name, {}, [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
    }));
}

void check_words(const RequestHead& head) {
    CHECK(is_token(head.method));
    CHECK(!head.target.empty());
    for (const char c : head.target) CHECK(static_cast<std::uint8_t>(c) > ' ' && c != '\x7f');
    for (const Field& field : head.fields) {
        CHECK(is_token(field.name));
        CHECK(!fuzz::has_control_character(field.value));
        CHECK(field.value.empty() || (field.value.front() != ' ' && field.value.front() != '\t' &&
                                      field.value.back() != ' ' && field.value.back() != '\t'));
    }
}

void check_framing(const RequestHead& head, std::string_view raw) {
    const std::size_t lengths = count_fields(head, "content-length");
    const std::size_t codings = count_fields(head, "transfer-encoding");
    CHECK(lengths + codings <= 1);
    CHECK(head.content_length.has_value() == (lengths == 1));
    CHECK(head.chunked == (codings == 1));
    CHECK(count_fields(head, "host") <= 1);
    // Each line is the request line, a field or the end, and nothing else ends a line.
    CHECK(raw.ends_with("\r\n\r\n"));
    CHECK(static_cast<std::size_t>(std::ranges::count(raw, '\n')) == head.fields.size() + 2);
    CHECK(static_cast<std::size_t>(std::ranges::count(raw, '\r')) == head.fields.size() + 2);
    CHECK(raw.find('\0') == std::string_view::npos);
}

// Written again and read again, it says the same.
void check_round_trip(const RequestHead& head) {
    const bool has_host = count_fields(head, "host") == 1;
    std::string text =
        fmt::format("{} {} HTTP/1.{}\r\n", head.method, head.target, has_host ? 1 : 0);
    for (const Field& field : head.fields)
        text += fmt::format("{}: {}\r\n", field.name, field.value);
    text += "\r\n";
    const Limits limits;
    HeadParser parser(limits);
    const Parsed parsed = parser.parse(as_bytes(text));
    CHECK(parsed.has_value() && *parsed == text.size());
    const RequestHead& again = parser.head();
    CHECK(again.method == head.method && again.target == head.target);
    CHECK(again.content_length == head.content_length && again.chunked == head.chunked);
    CHECK(std::ranges::equal(again.fields, head.fields, [](const Field& a, const Field& b) {
        return a.name == b.name && a.value == b.value;
    }));
}

// As it would come from a slow client. A head that is not whole asks for more; nothing else does.
void check_pieces(std::string_view input, std::size_t step, const Parsed& expected) {
    const Limits limits;
    HeadParser parser(limits);
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
    const Limits limits;
    HeadParser parser(limits);
    const Parsed parsed = parser.parse(as_bytes(input));
    check_pieces(input, 1, parsed);
    check_pieces(input, 7, parsed);
    if (!parsed || !*parsed) return;
    CHECK(**parsed <= input.size());
    check_words(parser.head());
    check_framing(parser.head(), input.substr(0, **parsed));
    check_round_trip(parser.head());
}

}  // namespace
}  // namespace weir::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::http::check(weir::fuzz::as_input(data, size));
    return 0;
}
