#include "hash/digester.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

#include <string>

#include "base/bytes.h"
#include "hash/crc.h"
#include "hash/random_input.h"

namespace weir::hash {
namespace {

AlgorithmSet everything() {
    AlgorithmSet set;
    for (const Algorithm algorithm : all_algorithms) set.insert(algorithm);
    return set;
}

std::string hex(Algorithm algorithm, std::string_view text) {
    return hex_encode(digest(algorithm, as_bytes(text)));
}

std::string openssl_digest(const char* name, std::string_view text) {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    std::size_t size = 0;
    EXPECT_EQ(EVP_Q_digest(nullptr, name, nullptr, text.data(), text.size(),
                           reinterpret_cast<unsigned char*>(digest.data()), &size),
              1);
    digest.resize(size);
    return digest;
}

template <typename... Words>
std::string big_endian(Words... words) {
    std::string bytes;
    (append_be64(bytes, words), ...);
    return bytes;
}

// What the libraries' one-shot functions say.
std::string reference(Algorithm algorithm, std::string_view text) {
    std::string bytes;
    switch (algorithm) {
        case Algorithm::crc32:
            append_be32(bytes, static_cast<std::uint32_t>(::crc32_z(
                                   0, reinterpret_cast<const Bytef*>(text.data()), text.size())));
            return bytes;
        case Algorithm::crc32c:
            append_be32(bytes, crc32c(0, as_bytes(text)));
            return bytes;
        case Algorithm::crc64nvme:
            return big_endian(crc64nvme(0, as_bytes(text)));
        case Algorithm::sha1:
            return openssl_digest("SHA1", text);
        case Algorithm::sha256:
            return openssl_digest("SHA256", text);
        case Algorithm::sha512:
            return openssl_digest("SHA512", text);
        case Algorithm::md5:
            return openssl_digest("MD5", text);
        case Algorithm::xxhash64:
            return big_endian(XXH64(text.data(), text.size(), 0));
        case Algorithm::xxhash3:
            return big_endian(XXH3_64bits(text.data(), text.size()));
        case Algorithm::xxhash128:
            break;
    }
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    return big_endian(hash.high64, hash.low64);
}

// FIPS 180-4's and RFC 1321's examples, and the CRC catalogue's checks.
TEST(Digest, HasThePublishedValues) {
    EXPECT_EQ(hex(Algorithm::crc32, "123456789"), "cbf43926");
    EXPECT_EQ(hex(Algorithm::crc32c, "123456789"), "e3069283");
    EXPECT_EQ(hex(Algorithm::crc64nvme, "123456789"), "ae8b14860a799888");
    EXPECT_EQ(hex(Algorithm::sha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(hex(Algorithm::sha256, "abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(Algorithm::sha512, "abc"),
              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    EXPECT_EQ(hex(Algorithm::md5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(hex(Algorithm::md5, ""), "d41d8cd98f00b204e9800998ecf8427e");
}

// From python-xxhash: the canonical, big-endian form, the 128-bit digest's high word first.
TEST(Digest, HasPythonXxhashsValues) {
    std::string text;
    for (unsigned i = 0; i < 1000; ++i) text.push_back(static_cast<char>(i * 7 + 3));
    EXPECT_EQ(hex(Algorithm::xxhash64, text), "5f235fa033f1a3fb");
    EXPECT_EQ(hex(Algorithm::xxhash3, text), "6c4f14bd97bd9e82");
    EXPECT_EQ(hex(Algorithm::xxhash128, text), "6bcc7eff62da44c26c4f14bd97bd9e82");
    EXPECT_EQ(hex(Algorithm::xxhash64, ""), "ef46db3751d8e999");
    EXPECT_EQ(hex(Algorithm::xxhash3, ""), "2d06800538d394c2");
    EXPECT_EQ(hex(Algorithm::xxhash128, ""), "99aa06d3014798d86001c324468d497f");
}

TEST(Digester, GivesWhatTheLibrariesGiveHoweverTheBytesArrive) {
    RandomInput random;
    for (int round = 0; round < 60; ++round) {
        // Past the 64 KiB step in some rounds.
        const std::string text = random.bytes(random.up_to(round % 6 == 0 ? 300'000 : 2000));
        Digester digester(everything());
        for (std::string_view left = text; !left.empty();) {
            const std::string_view piece = left.substr(0, random.up_to(1 + left.size()));
            digester.update(as_bytes(piece));
            left.remove_prefix(piece.size());
        }
        const Digests digests = digester.finish();
        for (const Algorithm algorithm : all_algorithms) {
            ASSERT_EQ(digests[algorithm], reference(algorithm, text))
                << info(algorithm).name << ' ' << text.size();
            ASSERT_EQ(digests[algorithm]->size(), info(algorithm).digest_bytes);
        }
    }
}

TEST(Digester, GivesOnlyWhatWasAskedFor) {
    Digester digester({Algorithm::md5, Algorithm::crc64nvme});
    digester.update(as_bytes("abc"));
    const Digests digests = digester.finish();
    for (const Algorithm algorithm : all_algorithms) {
        EXPECT_EQ(digests[algorithm].has_value(),
                  algorithm == Algorithm::md5 || algorithm == Algorithm::crc64nvme);
    }
    EXPECT_EQ(Digester({}).finish(), Digests());
}

TEST(Digester, BeginsAnewAfterFinish) {
    Digester digester(everything());
    digester.update(as_bytes("something else"));
    digester.finish();
    digester.update(as_bytes("abc"));
    const Digests digests = digester.finish();
    for (const Algorithm algorithm : all_algorithms)
        EXPECT_EQ(digests[algorithm], digest(algorithm, as_bytes("abc")));
}

TEST(Digester, CarriesItsStateWhenMoved) {
    Digester first(everything());
    first.update(as_bytes("ab"));
    Digester second = std::move(first);
    second.update(as_bytes("c"));
    Digester third({Algorithm::sha1});
    third = std::move(second);
    const Digests digests = third.finish();
    for (const Algorithm algorithm : all_algorithms)
        EXPECT_EQ(digests[algorithm], digest(algorithm, as_bytes("abc")));
    EXPECT_EQ(third.algorithms(), everything());
}

}  // namespace
}  // namespace weir::hash
