#include "s3/proto/checksum_headers.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace weir::s3 {
namespace {

using hash::Algorithm;
using Headers = std::vector<NamedText>;

constexpr std::string_view body = "weights";

std::string text_of(Algorithm algorithm) {
    return base64_encode(hash::digest(algorithm, as_bytes(body)));
}

Result<BodyChecks> parse(Headers headers, bool has_trailer = false, std::string_view sha256 = {}) {
    RequestView view;
    view.headers = std::move(headers);
    return parse_body_checks(view, sha256, has_trailer);
}

std::string verify(const BodyChecks& checks, std::string_view received,
                   const Trailers& trailers = {}) {
    hash::Digester digester(checks.algorithms);
    digester.update(as_bytes(received));
    const Result<void> verified = verify_body(checks, digester.finish(), trailers);
    return verified ? "ok" : std::string(info(verified.error().code()).name);
}

TEST(BodyChecks, OfABareRequestAreNone) {
    const BodyChecks checks =
        parse({{"x-amz-checksum-mode", "ENABLED"}, {"x-amz-checksum-type", "FULL_OBJECT"}}).value();
    EXPECT_TRUE(checks.algorithms.empty());
    EXPECT_EQ(verify(checks, body), "ok");
}

TEST(BodyChecks, TakeAHeaderOfEachAlgorithm) {
    for (const Algorithm algorithm : hash::all_algorithms) {
        const std::string value = text_of(algorithm);
        const BodyChecks checks =
            parse({{hash::info(algorithm).header, value},
                   {"x-amz-sdk-checksum-algorithm", hash::info(algorithm).name}})
                .value();
        EXPECT_EQ(checks.checksum, algorithm);
        EXPECT_FALSE(checks.checksum_in_trailer);
        EXPECT_EQ(verify(checks, body), "ok");
        EXPECT_EQ(verify(checks, "other"), "checksum_mismatch");
    }
}

TEST(BodyChecks, TakeATrailerOfEachAlgorithm) {
    for (const Algorithm algorithm : hash::all_algorithms) {
        const std::string name(hash::info(algorithm).header);
        const BodyChecks checks = parse({{"x-amz-trailer", name}}, true).value();
        EXPECT_EQ(checks.checksum, algorithm);
        EXPECT_TRUE(checks.checksum_in_trailer);
        EXPECT_EQ(verify(checks, body, {{name, text_of(algorithm)}}), "ok");
        EXPECT_EQ(verify(checks, "other", {{name, text_of(algorithm)}}), "checksum_mismatch");
        EXPECT_EQ(verify(checks, body), "invalid_request");
        EXPECT_EQ(verify(checks, body, {{name, "AAAA"}}), "checksum_mismatch");
        EXPECT_EQ(verify(checks, body, {{name, "!"}}), "checksum_mismatch");
    }
}

TEST(BodyChecks, TakeContentMd5AndTheSignedSha256) {
    const std::string md5 = text_of(Algorithm::md5);
    const std::string crc32 = text_of(Algorithm::crc32);
    const std::string sha256 = hex_encode(hash::digest(Algorithm::sha256, as_bytes(body)));
    const BodyChecks all =
        parse({{"Content-MD5", md5}, {"x-amz-checksum-crc32", crc32}}, false, sha256).value();
    EXPECT_EQ(all.algorithms,
              (hash::AlgorithmSet{Algorithm::md5, Algorithm::crc32, Algorithm::sha256}));
    EXPECT_EQ(verify(all, body), "ok");
    EXPECT_EQ(verify(parse({}, false, sha256).value(), "other"), "content_sha256_mismatch");
    EXPECT_EQ(verify(parse({{"Content-MD5", md5}}).value(), "other"), "bad_digest");
    for (const std::string_view bad :
         {"", "AAAA", "YWJyYWNhZGFicmE=", "not base64", "rL0Y20xC+Fzt72VPzMSk2A"})
        EXPECT_EQ(parse({{"Content-MD5", bad}}).error().code(), Code::invalid_digest) << bad;
}

TEST(BodyChecks, ThatContradictThemselvesAreRefused) {
    const std::string crc32 = text_of(Algorithm::crc32);
    const std::string sha1 = text_of(Algorithm::sha1);
    const std::vector<std::pair<Headers, bool>> refused{
        {{{"x-amz-checksum-crc32", crc32}, {"x-amz-checksum-sha1", sha1}}, false},
        {{{"x-amz-checksum-crc32", crc32}, {"x-amz-checksum-crc32", crc32}}, false},
        {{{"x-amz-checksum-crc32", crc32}, {"x-amz-trailer", "x-amz-checksum-crc32"}}, true},
        {{{"x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1"}}, true},
        {{{"x-amz-trailer", "x-amz-meta-a"}}, true},
        {{{"x-amz-trailer", "x-amz-checksum-crc32"}}, false},
        {{{"x-amz-checksum-crc32", sha1}}, false},
        {{{"x-amz-checksum-crc32", ""}}, false},
        {{{"x-amz-checksum-crc32", "zzz"}}, false},
        {{{"x-amz-checksum-crc16", crc32}}, false},
        {{{"x-amz-sdk-checksum-algorithm", "CRC32"}}, false},
        {{{"x-amz-sdk-checksum-algorithm", "CRC16"}, {"x-amz-checksum-crc32", crc32}}, false},
        {{{"x-amz-sdk-checksum-algorithm", "SHA1"}, {"x-amz-checksum-crc32", crc32}}, false},
    };
    for (std::size_t i = 0; i < refused.size(); ++i) {
        const Result<BodyChecks> checks = parse(refused[i].first, refused[i].second);
        ASSERT_FALSE(checks.has_value()) << i;
        const bool bad_value = i >= 6 && i <= 8;
        EXPECT_EQ(checks.error().code(),
                  bad_value ? Code::checksum_mismatch : Code::invalid_request)
            << i;
    }
}

}  // namespace
}  // namespace weir::s3
