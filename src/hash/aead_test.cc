#include "hash/aead.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/random.h"
#include "hash/random_input.h"

namespace weir::hash {
namespace {

TEST(Aead, OpensWhatItSealed) {
    RandomInput random;
    const std::string key = random.bytes(aead_key_bytes);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{40}, random.up_to(100'000)}) {
        const std::string plain = random.bytes(size);
        const auto sealed = aead_seal(key, plain, "key tid_1");
        ASSERT_TRUE(sealed) << sealed.error().describe();
        EXPECT_EQ(sealed->size(), size + aead_overhead_bytes);
        const auto opened = aead_open(key, *sealed, "key tid_1");
        ASSERT_TRUE(opened) << opened.error().describe();
        EXPECT_EQ(*opened, plain);
    }
}

// Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", in our layout.
TEST(Aead, OpensThePublishedCiphertext) {
    const std::string key =
        *hex_decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    const std::string sealed = *hex_decode(
        "cafebabefacedbaddecaf888"
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b");
    const auto opened =
        aead_open(key, sealed, *hex_decode("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
    ASSERT_TRUE(opened) << opened.error().describe();
    EXPECT_EQ(hex_encode(*opened),
              "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
}

TEST(Aead, TakesANewNonceEachTime) {
    const std::string key = random_bytes(aead_key_bytes);
    EXPECT_NE(*aead_seal(key, "secret", {}), *aead_seal(key, "secret", {}));
    EXPECT_EQ(*aead_open(key, *aead_seal(key, "", {}), {}), "");
}

TEST(Aead, RefusesAnotherKeyOwnerOrAnyFlippedBit) {
    const std::string key = random_bytes(aead_key_bytes);
    const std::string sealed = *aead_seal(key, "secret", "owner");
    const auto code = [](const Result<std::string>& result) {
        return result ? Code::internal_error : result.error().code();
    };
    EXPECT_EQ(code(aead_open(random_bytes(aead_key_bytes), sealed, "owner")), Code::corrupt);
    EXPECT_EQ(code(aead_open(key, sealed, "another")), Code::corrupt);
    EXPECT_EQ(code(aead_open(key, sealed, {})), Code::corrupt);
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        std::string changed = sealed;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        ASSERT_EQ(code(aead_open(key, changed, "owner")), Code::corrupt) << bit;
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        ASSERT_EQ(code(aead_open(key, std::string_view(sealed).substr(0, size), "owner")),
                  Code::corrupt)
            << size;
    }
}

TEST(Aead, RefusesAKeyOfAnotherSize) {
    EXPECT_EQ(aead_seal(std::string(16, 'k'), "secret", {}).error().code(), Code::invalid_argument);
    EXPECT_EQ(aead_open(std::string(33, 'k'), std::string(40, 's'), {}).error().code(),
              Code::invalid_argument);
}

}  // namespace
}  // namespace weir::hash
