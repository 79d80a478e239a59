#include "hash/lane_stream.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "hash/lane_tables.h"
#include "hash/random_input.h"

namespace weir::hash {
namespace {

std::string openssl_digest(const char* name, std::string_view text) {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    std::size_t size = 0;
    EXPECT_EQ(EVP_Q_digest(nullptr, name, nullptr, text.data(), text.size(),
                           reinterpret_cast<unsigned char*>(digest.data()), &size),
              1);
    digest.resize(size);
    return digest;
}

bool has_md5(LaneDigest digest) { return digest != LaneDigest::sha256; }
bool has_sha256(LaneDigest digest) { return digest != LaneDigest::md5; }

void expect_digests(LaneStream& stream, std::string_view text) {
    const LaneDigest digest = stream.digest();
    const LaneStream::Digests digests = stream.finish();
    ASSERT_EQ(digests.md5, has_md5(digest) ? openssl_digest("MD5", text) : "") << text.size();
    ASSERT_EQ(digests.sha256, has_sha256(digest) ? openssl_digest("SHA256", text) : "")
        << text.size();
}

std::string name_of(const LaneKernel& kernel) {
    constexpr std::array digests = {"", "MD5", "SHA-256", "both"};
    return std::string(kernel.name) + " x" + std::to_string(kernel.lanes) + ' ' +
           digests[static_cast<std::size_t>(kernel.digest)];
}

// The chaining words of a lane that a test runs by hand.
struct LaneWords {
    std::array<std::uint32_t, 4> md5 = md5_start;
    std::array<std::uint32_t, 8> sha256 = sha256_start;

    bool operator==(const LaneWords&) const = default;
};

// A text of whole blocks with the padding of either digest, so that running it gives the digest.
std::string padded(std::string text, LaneDigest digest) {
    const std::uint64_t bits = text.size() * 8;
    text += '\x80';
    while (text.size() % lane_block_bytes != lane_block_bytes - 8) text += '\0';
    if (digest == LaneDigest::sha256) {
        append_be64(text, bits);
    } else {
        text.append(reinterpret_cast<const char*>(&bits), sizeof bits);
    }
    return text;
}

std::string sha256_digest(const LaneWords& words) {
    std::string digest;
    for (const std::uint32_t word : words.sha256) append_be32(digest, word);
    return digest;
}

std::string md5_digest(const LaneWords& words) {
    return {reinterpret_cast<const char*>(words.md5.data()), sizeof words.md5};
}

TEST(LaneKernels, AreThereForOneLaneOfEachDigest) {
    for (const LaneDigest digest : {LaneDigest::md5, LaneDigest::sha256, LaneDigest::both}) {
        EXPECT_TRUE(std::ranges::any_of(lane_kernels(), [digest](const LaneKernel& kernel) {
            return kernel.digest == digest && kernel.lanes == 1;
        }));
    }
    for (const LaneKernel& kernel : lane_kernels()) std::cout << name_of(kernel) << '\n';
}

TEST(LaneKernels, GiveOpensslsDigestsWhateverTheNumberOfLanes) {
    RandomInput random;
    for (const LaneKernel& kernel : lane_kernels()) {
        // Both at once cannot be padded for both; the next test compares it.
        if (kernel.digest == LaneDigest::both) continue;
        for (std::size_t busy = 1; busy <= kernel.lanes; ++busy) {
            const std::size_t size = random.up_to(700);
            std::vector<std::string> texts, blocks;
            std::vector<LaneWords> words(busy);
            std::vector<Lane> lanes;
            for (std::size_t i = 0; i < busy; ++i) {
                texts.push_back(random.bytes(size));
                blocks.push_back(padded(texts[i], kernel.digest));
            }
            for (std::size_t i = 0; i < busy; ++i)
                lanes.push_back(
                    {words[i].md5.data(), words[i].sha256.data(), as_bytes(blocks[i]).data()});
            kernel.run(lanes, blocks[0].size() / lane_block_bytes);
            for (std::size_t i = 0; i < busy; ++i) {
                const bool md5 = kernel.digest == LaneDigest::md5;
                ASSERT_EQ(md5 ? md5_digest(words[i]) : sha256_digest(words[i]),
                          openssl_digest(md5 ? "MD5" : "SHA256", texts[i]))
                    << name_of(kernel) << ", lane " << i << " of " << busy;
            }
        }
    }
}

// From any state over any blocks, against the portable kernels.
TEST(LaneKernels, AgreeWithEachOther) {
    RandomInput random;
    for (int round = 0; round < 40; ++round) {
        for (const LaneKernel& kernel : lane_kernels()) {
            const std::size_t busy = 1 + random.up_to(kernel.lanes - 1);
            const std::size_t count = random.up_to(20);
            // Not aligned, and not past the end.
            const std::string text = random.bytes(busy * count * lane_block_bytes + 3);
            std::vector<LaneWords> words(busy), expected(busy);
            std::vector<Lane> lanes;
            for (std::size_t i = 0; i < busy; ++i) {
                for (std::uint32_t& word : words[i].md5) word = std::uint32_t(random.word());
                for (std::uint32_t& word : words[i].sha256) word = std::uint32_t(random.word());
                expected[i] = words[i];
                const std::byte* data = as_bytes(text).data() + 3 + i * count * lane_block_bytes;
                lanes.push_back({words[i].md5.data(), words[i].sha256.data(), data});
                const Lane alone{expected[i].md5.data(), expected[i].sha256.data(), data};
                for (const LaneKernel& portable : portable_lane_kernels()) {
                    if (portable.lanes == 1 && portable.digest == kernel.digest)
                        portable.run({&alone, 1}, count);
                }
            }
            kernel.run(lanes, count);
            for (std::size_t i = 0; i < busy; ++i)
                ASSERT_EQ(words[i], expected[i]) << name_of(kernel) << ", lane " << i;
        }
    }
}

// RFC 1321, A.5.
TEST(LaneStream, HasTheRfcsMd5) {
    const auto md5 = [](std::string_view text) {
        LaneStream stream(LaneDigest::md5);
        const LaneInput input{&stream, as_bytes(text)};
        update_together({&input, 1});
        return hex_encode(stream.finish().md5);
    };
    EXPECT_EQ(md5(""), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(md5("a"), "0cc175b9c0f1b6a831c399e269772661");
    EXPECT_EQ(md5("abc"), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(md5("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    EXPECT_EQ(md5("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
    EXPECT_EQ(md5("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
              "d174ab98d277d9f5a5611c2c9f419d9f");
    EXPECT_EQ(md5("1234567890123456789012345678901234567890"
                  "1234567890123456789012345678901234567890"),
              "57edf4a22be3c955ac49da2e2107b67a");
}

// FIPS 180-4's examples and NIST's long one, with as many lanes as there are texts.
TEST(LaneStream, HasTheStandardsSha256) {
    const std::string million(1'000'000, 'a');
    const std::array<std::pair<std::string_view, std::string_view>, 4> examples = {{
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    }};
    for (const LaneDigest digest : {LaneDigest::sha256, LaneDigest::both}) {
        std::vector<LaneStream> streams(examples.size(), LaneStream(digest));
        std::vector<LaneInput> inputs;
        for (std::size_t i = 0; i < examples.size(); ++i)
            inputs.push_back({&streams[i], as_bytes(examples[i].first)});
        update_together(inputs);
        for (std::size_t i = 0; i < examples.size(); ++i)
            EXPECT_EQ(hex_encode(streams[i].finish().sha256), examples[i].second);
    }
}

TEST(LaneStream, EndsRightAtEachLength) {
    RandomInput random;
    for (std::size_t size = 0; size <= 3 * lane_block_bytes; ++size) {
        const std::string text = random.bytes(size);
        LaneStream stream(LaneDigest::both);
        const LaneInput input{&stream, as_bytes(text)};
        update_together({&input, 1});
        expect_digests(stream, text);
    }
}

TEST(LaneStream, BeginsAnewAfterFinish) {
    LaneStream stream(LaneDigest::both);
    for (const std::string text : {"one", "", "three"}) {
        const LaneInput input{&stream, as_bytes(text)};
        update_together({&input, 1});
        expect_digests(stream, text);
    }
}

// Every number of streams up to twice the lanes, of every kind together, each in random pieces.
TEST(LaneStream, GivesOpensslsDigestsHoweverStreamsMeet) {
    RandomInput random;
    for (std::size_t count = 1; count <= 2 * kernel_lanes_max; ++count) {
        for (int round = 0; round < 4; ++round) {
            std::vector<LaneStream> streams;
            std::vector<std::string> texts;
            std::vector<std::size_t> done(count, 0);
            for (std::size_t i = 0; i < count; ++i) {
                streams.emplace_back(round == 0 ? LaneDigest::both
                                                : LaneDigest(1 + random.up_to(2)));
                texts.push_back(random.bytes(random.up_to(i % 5 == 0 ? 30'000 : 3000)));
            }
            for (bool more = true; more;) {
                more = false;
                std::vector<LaneInput> inputs;
                for (std::size_t i = 0; i < count; ++i) {
                    if (random.up_to(3) == 0) {
                        more = true;  // not this time
                        continue;
                    }
                    const std::size_t left = texts[i].size() - done[i];
                    const std::size_t piece = random.up_to(left < 200 ? left : left / 2);
                    inputs.push_back({&streams[i], as_bytes(texts[i]).subspan(done[i], piece)});
                    done[i] += piece;
                    more = more || done[i] < texts[i].size();
                }
                update_together(inputs);
            }
            for (std::size_t i = 0; i < count; ++i) expect_digests(streams[i], texts[i]);
        }
    }
}

}  // namespace
}  // namespace weir::hash
