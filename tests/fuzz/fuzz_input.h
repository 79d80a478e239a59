#pragma once
// What the targets read their input by. Seeds stay readable: a field is a line, and what follows
// the lines is the text that is parsed.
//
// Pure functions; one thread.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"

namespace weir::fuzz {

inline std::string_view as_input(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// The first line, without its end; all of it where there is none.
inline std::string_view take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return line;
}

// The first byte; 0 at the end.
inline std::uint8_t take_byte(std::string_view& rest) {
    if (rest.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest.front());
    rest.remove_prefix(1);
    return byte;
}

// Eight bytes, as many as there are.
inline std::uint64_t take_number(std::string_view& rest) {
    std::uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | take_byte(rest);
    return number;
}

// As many bytes as the first one says, or as there are.
inline std::string_view take_text(std::string_view& rest) {
    const std::size_t size = take_byte(rest);
    const std::string_view text = rest.substr(0, size);
    rest.remove_prefix(text.size());
    return text;
}

inline bool has_control_character(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return true;
    }
    return false;
}

}  // namespace weir::fuzz
