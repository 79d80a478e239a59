// Hexadecimal and base64: back and forth gives the same, and each value has one spelling.

#include <string>

#include "base/bytes.h"
#include "fuzz_input.h"

namespace weir {
namespace {

void check_encode(std::string_view bytes) {
    CHECK(hex_decode(hex_encode(bytes)) == bytes);
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
}

void check_decode(std::string_view text) {
    if (const auto bytes = base64_decode(text)) CHECK(base64_encode(*bytes) == text);
    if (const auto bytes = hex_decode(text)) {
        std::string lower(text);
        for (char& c : lower)
            if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        CHECK(hex_encode(*bytes) == lower);
    }
}

void check_numbers(std::string_view bytes) {
    if (bytes.size() < 16) return;
    const std::uint64_t a = read_be64(bytes), b = read_be64(bytes.substr(8));
    std::string a_text, b_text;
    append_be64(a_text, a);
    append_be64(b_text, b);
    CHECK(a_text == bytes.substr(0, 8));
    CHECK((a < b) == (a_text < b_text));
    CHECK(equal_constant_time(a_text, b_text) == (a == b));
    std::string half;
    append_be32(half, read_be32(bytes));
    CHECK(half == bytes.substr(0, 4));
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = weir::fuzz::as_input(data, size);
    weir::check_encode(input);
    weir::check_decode(input);
    weir::check_numbers(input);
    return 0;
}
