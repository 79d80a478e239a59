#include "base/bytes.h"

#include <array>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> inverse(std::string_view digits, bool any_case) {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const char c = digits[i];
        table[static_cast<unsigned char>(c)] = static_cast<std::int8_t>(i);
        if (any_case && c >= 'a' && c <= 'f')
            table[static_cast<unsigned char>(c - 'a' + 'A')] = static_cast<std::int8_t>(i);
    }
    return table;
}
constexpr auto hex_values = inverse(hex_digits, true);
constexpr auto base64_values = inverse(base64_digits, false);

template <typename T>
void append_be(std::string& out, T value) {
    for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(value >> shift & 0xff));
}

template <typename T>
T read_be(std::string_view bytes) {
    CHECK(bytes.size() >= sizeof(T));
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(value << 8 | static_cast<unsigned char>(bytes[i]));
    return value;
}

}  // namespace

std::string hex_encode(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out.push_back(hex_digits[byte >> 4]);
        out.push_back(hex_digits[byte & 15]);
    }
    return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_values[static_cast<unsigned char>(text[i])];
        const int low = hex_values[static_cast<unsigned char>(text[i + 1])];
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(static_cast<char>(high << 4 | low));
    }
    return out;
}

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            out.push_back(k <= count ? base64_digits[group >> (18 - 6 * k) & 63] : '=');
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::size_t digits = 4;
        if (i + 4 == text.size()) {
            while (digits > 2 && text[i + digits - 1] == '=') --digits;
        }
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const int value =
                k < digits ? base64_values[static_cast<unsigned char>(text[i + k])] : 0;
            if (value < 0) return std::nullopt;
            group = group << 6 | static_cast<std::uint32_t>(value);
        }
        // Bits past the last byte must be zero, or two texts would mean the same bytes.
        if ((digits == 2 && (group & 0xffff) != 0) || (digits == 3 && (group & 0xff) != 0))
            return std::nullopt;
        for (std::size_t k = 0; k + 1 < digits; ++k)
            out.push_back(static_cast<char>(group >> (16 - 8 * k) & 0xff));
    }
    return out;
}

void append_be64(std::string& out, std::uint64_t value) { append_be(out, value); }
void append_be32(std::string& out, std::uint32_t value) { append_be(out, value); }
std::uint64_t read_be64(std::string_view bytes) { return read_be<std::uint64_t>(bytes); }
std::uint32_t read_be32(std::string_view bytes) { return read_be<std::uint32_t>(bytes); }

bool equal_constant_time(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference |= static_cast<unsigned char>(a[i]) ^
                      static_cast<unsigned>(static_cast<unsigned char>(b[i]));
    return difference == 0;
}

}  // namespace weir
