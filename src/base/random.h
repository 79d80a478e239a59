#pragma once
// Random bytes from the kernel, for keys, ids and nonces. Safe from any thread.

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir {

// Cryptographically strong; aborts if the kernel has none, which it always has after boot.
std::string random_bytes(std::size_t count);
std::uint64_t random_u64();
// `length` characters of A-Z a-z 0-9, evenly distributed.
std::string random_token(std::size_t length);

}  // namespace weir
