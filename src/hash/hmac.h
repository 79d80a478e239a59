#pragma once
// SHA-256 and HMAC-SHA-256 of texts that are all there, for signatures: AWS's SigV4 makes a handful
// of each a request.
//
// Pure functions; safe from any thread; they do not fail.

#include <string>
#include <string_view>

namespace weir::hash {

// 32 raw bytes.
std::string sha256(std::string_view data);
// 64 lower-case digits, as SigV4 writes them.
std::string sha256_hex(std::string_view data);
// 20 raw bytes; for SigV2, which presigned URLs still use.
std::string hmac_sha1(std::string_view key, std::string_view data);
// 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);

}  // namespace weir::hash
