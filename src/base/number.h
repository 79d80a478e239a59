#pragma once
// Whole numbers in text that others wrote. Pure; safe from any thread.

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace weir {

// All of the text, without sign or spaces; nullopt if it is anything else or does not fit.
template <std::unsigned_integral Number = std::uint64_t>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
    Number number = 0;
    const char* end_of_text = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), end_of_text, number, base);
    if (error != std::errc() || end != end_of_text) return std::nullopt;
    return number;
}

}  // namespace weir
