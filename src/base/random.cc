#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/check.h"

namespace weir {

std::string random_bytes(std::size_t count) {
    std::string out(count, '\0');
    for (std::size_t done = 0; done < count;) {
        const ssize_t n = ::getrandom(out.data() + done, count - done, 0);
        CHECK(n > 0 || errno == EINTR);
        if (n > 0) done += static_cast<std::size_t>(n);
    }
    return out;
}

std::uint64_t random_u64() {
    const std::string bytes = random_bytes(sizeof(std::uint64_t));
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::string random_token(std::size_t length) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // Bytes at or above the largest multiple of 62 are dropped, else the first letters would be
    // likelier.
    constexpr unsigned limit = 256 - 256 % alphabet.size();
    std::string out;
    while (out.size() < length) {
        for (const char c : random_bytes(length)) {
            const unsigned value = static_cast<unsigned char>(c);
            if (value < limit && out.size() < length)
                out.push_back(alphabet[value % alphabet.size()]);
        }
    }
    return out;
}

}  // namespace weir
