#include "s3/proto/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weir::s3 {
namespace {

// The length of the UTF-8 sequence at the front of `text`, 0 if there is none (RFC 3629: no
// surrogates, no overlong forms, nothing past U+10FFFF).
std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return lead == 0 ? 0 : 1;
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < size; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    }
    return size;
}

// How many bytes at the front are ASCII without NUL, as far as words of eight tell.
std::size_t plain_bytes(std::string_view text) {
    constexpr std::uint64_t ones = 0x0101010101010101, high_bits = 0x8080808080808080;
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, sizeof word);
        // The subtraction sets the high bit of each NUL, and of none below the first.
        if (((word | (word - ones)) & high_bits) != 0) break;
    }
    return at;
}

}  // namespace

bool is_utf8_text(std::string_view text) {
    while (true) {
        text.remove_prefix(plain_bytes(text));
        if (text.empty()) return true;
        const std::size_t size = utf8_sequence(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
}

}  // namespace weir::s3
