#pragma once
// OpenSSL's message digests, fetched once: a fetch takes a lock and several microseconds, a digest
// of a short text less than one. Private to hash.
//
// Safe from any thread. A digest that this OpenSSL does not have (a FIPS-only configuration) is a
// CHECK at first use.

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "hash/algorithm.h"

namespace weir::hash {

// For sha1, sha256, sha512 and md5.
const EVP_MD* evp_md(Algorithm algorithm);

struct EvpMdContextFree {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using EvpMdContext = std::unique_ptr<EVP_MD_CTX, EvpMdContextFree>;

EvpMdContext new_evp_md_context();

// The three steps of one digest; a context may start again after the last.
void evp_begin(EVP_MD_CTX* context, Algorithm algorithm);
void evp_update(EVP_MD_CTX* context, std::span<const std::byte> bytes);
std::string evp_finish(EVP_MD_CTX* context, Algorithm algorithm);

}  // namespace weir::hash
