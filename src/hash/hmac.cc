#include "hash/hmac.h"

#include <openssl/crypto.h>

#include <array>
#include <span>

#include "base/bytes.h"
#include "hash/evp.h"

namespace weir::hash {
namespace {

// The block of SHA-1 and SHA-256, which HMAC pads its key to.
constexpr std::size_t block_bytes = 64;

std::string digest_with(EVP_MD_CTX* context, Algorithm algorithm, std::string_view a,
                        std::string_view b) {
    evp_begin(context, algorithm);
    evp_update(context, as_bytes(a));
    evp_update(context, as_bytes(b));
    return evp_finish(context, algorithm);
}

// RFC 2104, over one context and the digest fetched long ago: OpenSSL's own HMAC() fetches at each
// call.
std::string hmac(Algorithm algorithm, std::string_view key, std::string_view data) {
    const EvpMdContext context = new_evp_md_context();
    std::string short_key;
    if (key.size() > block_bytes) {
        short_key = digest_with(context.get(), algorithm, key, {});
        key = short_key;
    }
    std::array<char, block_bytes> inner;
    std::array<char, block_bytes> outer;
    for (std::size_t i = 0; i < block_bytes; ++i) {
        const char byte = i < key.size() ? key[i] : '\0';
        inner[i] = static_cast<char>(byte ^ 0x36);
        outer[i] = static_cast<char>(byte ^ 0x5c);
    }
    const std::string inside =
        digest_with(context.get(), algorithm, {inner.data(), inner.size()}, data);
    std::string result =
        digest_with(context.get(), algorithm, {outer.data(), outer.size()}, inside);
    OPENSSL_cleanse(inner.data(), inner.size());
    OPENSSL_cleanse(outer.data(), outer.size());
    OPENSSL_cleanse(short_key.data(), short_key.size());
    return result;
}

}  // namespace

std::string sha256(std::string_view data) {
    const EvpMdContext context = new_evp_md_context();
    return digest_with(context.get(), Algorithm::sha256, data, {});
}

std::string sha256_hex(std::string_view data) { return hex_encode(sha256(data)); }

std::string hmac_sha1(std::string_view key, std::string_view data) {
    return hmac(Algorithm::sha1, key, data);
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
    return hmac(Algorithm::sha256, key, data);
}

}  // namespace weir::hash
