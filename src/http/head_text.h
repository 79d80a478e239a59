#pragma once
// What the parsers of requests' and of replies' heads have in common. Private to http.
//
// Pure functions; safe from any thread.

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

inline constexpr std::string_view head_end = "\r\n\r\n";

// ASCII only, as HTTP compares names.
bool equal_ignoring_case(std::string_view a, std::string_view b);
// Is `token` one of the words of a list with commas, whatever its case?
bool has_token(std::string_view list, std::string_view token);
// Beast unfolds lines that begin with white space; what another hop made of them nobody knows.
bool has_folded_line(std::string_view head);
// Digits and nothing else.
std::optional<std::uint64_t> parse_length(std::string_view digits);
// RFC 9112 7.1: hexadecimal digits, then perhaps an extension.
std::optional<std::uint64_t> parse_chunk_size(std::string_view line);
// In a line of chunked coding: a bare CR ends a line to some readers, NUL a text.
bool has_control_character(std::string_view line);

}  // namespace weir::http
