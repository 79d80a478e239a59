#pragma once
// Bytes as text and back (hex, base64), and big-endian integers, whose bytes sort as the numbers
// do. Pure functions; safe from any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Lower-case hexadecimal. decode accepts both cases; nullopt for anything that is not pairs of
// digits.
std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);

// RFC 4648 section 4, padded. decode is strict: padding and alphabet must be exact, no white space.
std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);

void append_be64(std::string& out, std::uint64_t value);
void append_be32(std::string& out, std::uint32_t value);
// `bytes` must hold at least eight (four) bytes.
std::uint64_t read_be64(std::string_view bytes);
std::uint32_t read_be32(std::string_view bytes);

// Compares in a time that depends on the lengths only, for signatures and secrets.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace weir
