#include "hash/aead.h"

#include <openssl/evp.h>

#include <memory>

#include "base/check.h"
#include "base/random.h"

namespace weir::hash {
namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
static_assert(nonce_bytes + tag_bytes == aead_overhead_bytes);

struct ContextFree {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextFree>;

const unsigned char* data(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* data(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

const EVP_CIPHER* cipher() {
    static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    CHECK(fetched != nullptr);
    return fetched;
}

Result<void> check_sizes(std::string_view key, std::size_t plain_bytes,
                         std::string_view associated) {
    if (key.size() != aead_key_bytes) {
        return fail(Code::invalid_argument, "the sealing key must be 32 bytes");
    }
    if (plain_bytes > aead_plain_bytes_max || associated.size() > aead_plain_bytes_max) {
        return fail(Code::invalid_argument, "the text is too long to be sealed");
    }
    return {};
}

}  // namespace

Result<std::string> aead_seal(std::string_view key, std::string_view plain,
                              std::string_view associated) {
    TRY_VOID(check_sizes(key, plain.size(), associated));
    std::string sealed = random_bytes(nonce_bytes);
    sealed.resize(nonce_bytes + plain.size() + tag_bytes);
    unsigned char* const text = data(sealed) + nonce_bytes;
    int written = 0;
    const Context context(EVP_CIPHER_CTX_new());
    const bool done =
        context != nullptr &&
        EVP_EncryptInit_ex2(context.get(), cipher(), data(key), data(sealed), nullptr) == 1 &&
        EVP_EncryptUpdate(context.get(), nullptr, &written, data(associated),
                          static_cast<int>(associated.size())) == 1 &&
        EVP_EncryptUpdate(context.get(), text, &written, data(plain),
                          static_cast<int>(plain.size())) == 1 &&
        EVP_EncryptFinal_ex(context.get(), text + plain.size(), &written) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, text + plain.size()) ==
            1;
    if (!done) return fail(Code::internal_error, "OpenSSL could not encrypt");
    return sealed;
}

Result<std::string> aead_open(std::string_view key, std::string_view sealed,
                              std::string_view associated) {
    if (sealed.size() < aead_overhead_bytes) {
        return fail(Code::corrupt, "the sealed text is too short");
    }
    const std::size_t plain_bytes = sealed.size() - aead_overhead_bytes;
    TRY_VOID(check_sizes(key, plain_bytes, associated));
    const std::string_view text = sealed.substr(nonce_bytes, plain_bytes);
    std::string tag(sealed.substr(nonce_bytes + plain_bytes));
    std::string plain(plain_bytes, '\0');
    int written = 0;
    const Context context(EVP_CIPHER_CTX_new());
    const bool ready =
        context != nullptr &&
        EVP_DecryptInit_ex2(context.get(), cipher(), data(key), data(sealed), nullptr) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &written, data(associated),
                          static_cast<int>(associated.size())) == 1 &&
        EVP_DecryptUpdate(context.get(), data(plain), &written, data(text),
                          static_cast<int>(plain_bytes)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, data(tag)) == 1;
    if (!ready) return fail(Code::internal_error, "OpenSSL could not decrypt");
    if (EVP_DecryptFinal_ex(context.get(), data(plain) + plain_bytes, &written) != 1) {
        return fail(Code::corrupt,
                    "the sealed text does not open: another key, another owner, or changed bytes");
    }
    return plain;
}

}  // namespace weir::hash
