#pragma once
// Secrets at rest: AES-256-GCM under a key that the caller keeps elsewhere. What is sealed is
//     nonce (12 random bytes) | ciphertext | tag (16 bytes)
// and opens only with the same key and the same associated data, which says what the secret belongs
// to so that it cannot be passed off as another's. With random nonces one key is good for some 2^32
// sealings.
//
// Pure functions; safe from any thread. The key is read, never kept.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::hash {

inline constexpr std::size_t aead_key_bytes = 32;
inline constexpr std::size_t aead_overhead_bytes = 12 + 16;
inline constexpr std::size_t aead_plain_bytes_max = std::size_t{1} << 30;

// Fails with invalid_argument if the key is not 32 bytes or the text is past the maximum.
Result<std::string> aead_seal(std::string_view key, std::string_view plain,
                              std::string_view associated);

// Fails as aead_seal does, and with corrupt if key, associated data or a single bit is not that of
// the sealing.
Result<std::string> aead_open(std::string_view key, std::string_view sealed,
                              std::string_view associated);

}  // namespace weir::hash
