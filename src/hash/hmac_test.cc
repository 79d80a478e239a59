#include "hash/hmac.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/bytes.h"
#include "hash/random_input.h"

namespace weir::hash {
namespace {

TEST(Sha256, HasThePublishedValues) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    EXPECT_EQ(hex_encode(sha256("abc")), sha256_hex("abc"));
}

// RFC 4231, test cases 1, 2, 3 and 6 (a key longer than the block).
TEST(HmacSha256, HasTheRfcsValues) {
    EXPECT_EQ(hex_encode(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_encode(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
              "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    EXPECT_EQ(hex_encode(hmac_sha256(std::string(131, '\xaa'),
                                     "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 2202, test cases 1 and 2.
TEST(HmacSha1, HasTheRfcsValues) {
    EXPECT_EQ(hex_encode(hmac_sha1(std::string(20, '\x0b'), "Hi There")),
              "b617318655057264e28bc0b6fb378c8ef146be00");
    EXPECT_EQ(hex_encode(hmac_sha1("Jefe", "what do ya want for nothing?")),
              "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Hmac, AgreesWithOpensslOnAnyKeyAndText) {
    RandomInput random;
    for (int round = 0; round < 200; ++round) {
        const std::string key = random.bytes(random.up_to(140));
        const std::string text = random.bytes(random.up_to(500));
        const auto openssl = [&](const EVP_MD* md) {
            std::string result(EVP_MAX_MD_SIZE, '\0');
            unsigned size = 0;
            EXPECT_NE(HMAC(md, key.data(), static_cast<int>(key.size()),
                           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                           reinterpret_cast<unsigned char*>(result.data()), &size),
                      nullptr);
            result.resize(size);
            return result;
        };
        ASSERT_EQ(hmac_sha256(key, text), openssl(EVP_sha256()))
            << key.size() << ' ' << text.size();
        ASSERT_EQ(hmac_sha1(key, text), openssl(EVP_sha1())) << key.size() << ' ' << text.size();
    }
}

}  // namespace
}  // namespace weir::hash
