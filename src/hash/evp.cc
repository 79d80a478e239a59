#include "hash/evp.h"

#include "base/check.h"

namespace weir::hash {
namespace {

// Never freed: a handle of the library's own, as constant as the code.
const EVP_MD* fetch(const char* name) {
    const EVP_MD* md = EVP_MD_fetch(nullptr, name, nullptr);
    CHECK(md != nullptr);
    return md;
}

}  // namespace

const EVP_MD* evp_md(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::sha1: {
            static const EVP_MD* const md = fetch("SHA1");
            return md;
        }
        case Algorithm::sha256: {
            static const EVP_MD* const md = fetch("SHA2-256");
            return md;
        }
        case Algorithm::sha512: {
            static const EVP_MD* const md = fetch("SHA2-512");
            return md;
        }
        default: {
            CHECK(algorithm == Algorithm::md5);
            static const EVP_MD* const md = fetch("MD5");
            return md;
        }
    }
}

EvpMdContext new_evp_md_context() {
    EvpMdContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    return context;
}

void evp_begin(EVP_MD_CTX* context, Algorithm algorithm) {
    CHECK(EVP_DigestInit_ex2(context, evp_md(algorithm), nullptr) == 1);
}

void evp_update(EVP_MD_CTX* context, std::span<const std::byte> bytes) {
    CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}

std::string evp_finish(EVP_MD_CTX* context, Algorithm algorithm) {
    std::string digest(info(algorithm).digest_bytes, '\0');
    unsigned written = 0;
    CHECK(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), &written) ==
          1);
    CHECK(written == digest.size());
    return digest;
}

}  // namespace weir::hash
