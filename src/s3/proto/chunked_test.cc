#include "s3/proto/chunked.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "hash/hmac.h"

namespace weir::s3 {
namespace {

// The key, time and scope of AWS's published examples.
SignatureV4 aws_signature(PayloadKind payload, std::string seed) {
    SignatureV4 signature;
    signature.date = "20130524";
    signature.region = "us-east-1";
    signature.timestamp = "20130524T000000Z";
    signature.signature = std::move(seed);
    signature.payload = payload;
    return signature;
}
SigningKey aws_key() {
    return derive_signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1");
}

struct Outcome {
    std::string status;  // "ok" or the error's name
    std::string payload = {};
    Trailers trailers = {};
};

// Feeds the pieces of the wire that end at `cuts`, as a socket would.
Outcome decode(const ChunkedBody& body, const SignatureV4& signature, std::string_view wire,
               const std::vector<std::size_t>& cuts = {}) {
    ChunkedDecoder decoder(body, signature, aws_key());
    Outcome outcome{.status = "ok"};
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= cuts.size(); ++i) {
        const std::size_t end = i < cuts.size() ? cuts[i] : wire.size();
        std::span<const std::byte> piece = as_bytes(wire.substr(begin, end - begin));
        begin = end;
        while (!piece.empty()) {
            const Result<ChunkedDecoder::Step> step = decoder.next(piece);
            if (!step) return {.status = std::string(info(step.error().code()).name)};
            EXPECT_GE(step->consumed, 1u);
            EXPECT_LE(step->payload.size(), step->consumed);
            outcome.payload += as_text(step->payload);
            piece = piece.subspan(step->consumed);
        }
    }
    Result<Trailers> trailers = decoder.finish();
    if (!trailers) return {.status = std::string(info(trailers.error().code()).name)};
    outcome.trailers = *std::move(trailers);
    return outcome;
}

const std::string aws_payload(66'560, 'a');

std::string aws_signed_chunks() {
    return fmt::format(
        "10000;chunk-signature="
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n{}"
        "\r\n"
        "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n{}"
        "\r\n"
        "0;chunk-signature="
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
        aws_payload.substr(0, 65'536), aws_payload.substr(65'536));
}
const SignatureV4 aws_chunks_signature = aws_signature(
    PayloadKind::signed_chunks, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
TEST(SignedChunks, OfTheExampleThatAwsPublishedAreRight) {
    const std::string wire = aws_signed_chunks();
    EXPECT_EQ(wire.size(), 66'824u);
    const Outcome outcome = decode({.decoded_bytes = 66'560}, aws_chunks_signature, wire);
    EXPECT_EQ(outcome.status, "ok");
    EXPECT_EQ(outcome.payload, aws_payload);
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
TEST(SignedChunks, OfTheExampleWithATrailerThatAwsPublishedAreRight) {
    const std::string wire = fmt::format(
        "10000;chunk-signature="
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n{}"
        "\r\n"
        "400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n{}"
        "\r\n"
        "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
        "x-amz-checksum-crc32c:sOO8/Q==\n\r\n"
        "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
        "\r\n\r\n",
        aws_payload.substr(0, 65'536), aws_payload.substr(65'536));
    const SignatureV4 signature =
        aws_signature(PayloadKind::signed_chunks_trailer,
                      "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
    const ChunkedBody body{.decoded_bytes = 66'560, .trailer_names = {"x-amz-checksum-crc32c"}};
    const Outcome outcome = decode(body, signature, wire);
    EXPECT_EQ(outcome.status, "ok");
    EXPECT_EQ(outcome.payload, aws_payload);
    EXPECT_EQ(outcome.trailers, (Trailers{{"x-amz-checksum-crc32c", "sOO8/Q=="}}));
}

// Signs chunks and a trailer as a client does.
class Signer {
  public:
    explicit Signer(std::string seed) : previous_(std::move(seed)) {}

    std::string chunk(std::string_view data) {
        const std::string signature =
            sign("AWS4-HMAC-SHA256-PAYLOAD", hash::sha256_hex("") + "\n" + hash::sha256_hex(data));
        const std::string line = fmt::format("{:x};chunk-signature={}\r\n", data.size(), signature);
        return data.empty() ? line : fmt::format("{}{}\r\n", line, data);
    }
    std::string trailer(std::string_view name, std::string_view value) {
        return fmt::format("{}:{}\r\nx-amz-trailer-signature:{}\r\n\r\n", name, value,
                           sign("AWS4-HMAC-SHA256-TRAILER",
                                hash::sha256_hex(fmt::format("{}:{}\n", name, value))));
    }

  private:
    std::string sign(std::string_view algorithm, std::string_view hashes) {
        previous_ = hex_encode(hash::hmac_sha256(
            aws_key().bytes,
            fmt::format("{}\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n{}\n{}",
                        algorithm, previous_, hashes)));
        return previous_;
    }
    std::string previous_;
};

const std::string seed(64, '0');
constexpr std::string_view crc32 = "x-amz-checksum-crc32";
const ChunkedBody short_body{.decoded_bytes = 11};
const ChunkedBody short_body_with_trailer{.decoded_bytes = 11,
                                          .trailer_names = {std::string(crc32)}};

std::string signed_wire() {
    Signer signer(seed);
    return signer.chunk("hello ") + signer.chunk("world") + signer.chunk("") + "\r\n";
}
std::string signed_trailer_wire() {
    Signer signer(seed);
    return signer.chunk("hello ") + signer.chunk("world") + signer.chunk("") +
           signer.trailer(crc32, "DUoRhQ==");
}
const std::string unsigned_wire =
    "6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";

struct Case {
    std::string wire;
    ChunkedBody body;
    SignatureV4 signature;
};
std::vector<Case> good_cases() {
    return {{signed_wire(), short_body, aws_signature(PayloadKind::signed_chunks, seed)},
            {signed_trailer_wire(), short_body_with_trailer,
             aws_signature(PayloadKind::signed_chunks_trailer, seed)},
            {unsigned_wire, short_body_with_trailer,
             aws_signature(PayloadKind::unsigned_chunks_trailer, seed)}};
}

TEST(ChunkedBodies, AreTheSameWhereverTheyAreSplit) {
    for (const Case& good : good_cases()) {
        std::vector<std::size_t> every_byte;
        for (std::size_t cut = 1; cut < good.wire.size(); ++cut) {
            every_byte.push_back(cut);
            const Outcome outcome = decode(good.body, good.signature, good.wire, {cut});
            EXPECT_EQ(outcome.status, "ok") << cut;
            EXPECT_EQ(outcome.payload, "hello world") << cut;
        }
        const Outcome outcome = decode(good.body, good.signature, good.wire, every_byte);
        EXPECT_EQ(outcome.status, "ok");
        EXPECT_EQ(outcome.payload, "hello world");
        EXPECT_EQ(outcome.trailers.size(), good.body.trailer_names.size());
    }
}

TEST(ChunkedBodies, ThatAreCutOffAreIncomplete) {
    for (const Case& good : good_cases()) {
        for (std::size_t length = 0; length < good.wire.size() - 2; ++length) {
            const Outcome outcome = decode(good.body, good.signature, good.wire.substr(0, length));
            EXPECT_EQ(outcome.status, "incomplete_body") << good.wire.substr(0, length);
        }
    }
}

TEST(ChunkedBodies, MayLackTheLastLineEndOrHaveAnother) {
    for (const Case& good : good_cases()) {
        const std::string shorter = good.wire.substr(0, good.wire.size() - 2);
        EXPECT_EQ(decode(good.body, good.signature, shorter).status, "ok");
        EXPECT_EQ(decode(good.body, good.signature, good.wire + "\r\n").status, "ok");
        EXPECT_EQ(decode(good.body, good.signature, good.wire + "\r\n\r\n\r\n").status,
                  "invalid_encoding");
        EXPECT_EQ(decode(good.body, good.signature, good.wire + "x").status, "invalid_encoding");
        EXPECT_EQ(decode(good.body, good.signature, good.wire + "0\r\n").status,
                  "invalid_encoding");
    }
}

TEST(ChunkedBodies, WithOneByteChangedNeverPassForAnotherIfSigned) {
    for (const Case& good : good_cases()) {
        if (good.signature.payload == PayloadKind::unsigned_chunks_trailer) continue;
        for (std::size_t at = 0; at < good.wire.size(); ++at) {
            std::string changed = good.wire;
            changed[at] = static_cast<char>(changed[at] ^ 1);
            const Outcome outcome = decode(good.body, good.signature, changed);
            if (outcome.status != "ok") continue;
            EXPECT_EQ(outcome.payload, "hello world") << at;
            EXPECT_EQ(outcome.trailers, decode(good.body, good.signature, good.wire).trailers);
        }
    }
}

TEST(SignedChunks, ThatAreForgedAreRefused) {
    const SignatureV4 signature = aws_signature(PayloadKind::signed_chunks, seed);
    const auto status = [&](const std::string& wire) {
        return decode(short_body, signature, wire).status;
    };
    Signer other_seed(std::string(64, '1'));
    EXPECT_EQ(status(other_seed.chunk("hello world") + other_seed.chunk("")),
              "signature_does_not_match");
    Signer first(seed);
    const std::string one = first.chunk("hello ");
    const std::string two = first.chunk("world");
    const std::string end = first.chunk("");
    EXPECT_EQ(status(one + two + end), "ok");
    EXPECT_EQ(status(two + one + end), "signature_does_not_match") << "reordered";
    EXPECT_EQ(status(two + end), "signature_does_not_match") << "one left out";
    EXPECT_EQ(decode({.decoded_bytes = 12}, signature, one + one + end).status,
              "signature_does_not_match")
        << "one sent twice";
    EXPECT_EQ(status(end), "incomplete_body");
    EXPECT_EQ(status("b\r\nhello world\r\n0\r\n\r\n"), "invalid_encoding") << "not signed at all";
    EXPECT_EQ(status("b;chunk-signature=\r\nhello world\r\n0\r\n\r\n"), "signature_does_not_match");

    const SignatureV4 with_trailer = aws_signature(PayloadKind::signed_chunks_trailer, seed);
    std::string wire = signed_trailer_wire();
    wire.replace(wire.find("DUoRhQ"), 6, "AAAAAA");
    EXPECT_EQ(decode(short_body_with_trailer, with_trailer, wire).status,
              "signature_does_not_match");
    Signer signer(seed);
    wire = signer.chunk("hello world") + signer.chunk("") + "x-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    EXPECT_EQ(decode(short_body_with_trailer, with_trailer, wire).status, "incomplete_body")
        << "a trailer that nobody signed";
}

TEST(UnsignedChunks, ThatAreMalformedAreRefused) {
    const SignatureV4 signature = aws_signature(PayloadKind::unsigned_chunks_trailer, seed);
    const auto status = [&](const std::string& wire) {
        return decode(short_body_with_trailer, signature, wire).status;
    };
    const std::string end = "0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    EXPECT_EQ(status("b\r\nhello world\r\n" + end), "ok");
    EXPECT_EQ(status("B\r\nhello world\r\n" + end), "ok");
    EXPECT_EQ(status("00000b\r\nhello world\r\n" + end), "ok");
    for (const std::string& wire : std::vector<std::string>{
             "\r\n" + end, "b\nhello world\r\n" + end, "b\r\nhello worldx\r\n" + end,
             "b\r\nhello world\n" + end, "a\r\nhello world\r\n" + end,
             "c\r\nhello world!\r\n" + end, "-b\r\nhello world\r\n" + end,
             "0xb\r\nhello world\r\n" + end, " b\r\nhello world\r\n" + end,
             "b ;x\r\nhello world\r\n" + end, "b;x=y\r\nhello world\r\n" + end,
             "ffffffffffffffff\r\nhello world\r\n" + end,
             "1000000000000000b\r\nhello world\r\n" + end,
             "b\r\nhello world\r\n0\r\nno colon\r\n\r\n",
             "b\r\nhello world\r\n0\r\nx-amz-checksum-sha1:AAAA\r\n\r\n",
             "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:a\r\nx-amz-checksum-crc32:b\r\n\r\n",
             "b\r\nhello world\r\n0\r\nx-amz-trailer-signature:00\r\n\r\n", std::string(2000, '0'),
             "b\r\nhello world\r\n0\r\n" + std::string(2000, 'x')})
        EXPECT_EQ(status(wire), "invalid_encoding") << wire.substr(0, 60);
    EXPECT_EQ(status("b\r\nhello world\r\n0\r\n\r\n"), "incomplete_body") << "no trailer";
    EXPECT_EQ(status("5\r\nhello\r\n" + end), "incomplete_body");
    EXPECT_EQ(status(""), "incomplete_body");
}

TEST(UnsignedChunks, HaveTrailersWithoutRegardToCaseAndSpace) {
    const Outcome outcome =
        decode(short_body_with_trailer, aws_signature(PayloadKind::unsigned_chunks_trailer, seed),
               "b\r\nhello world\r\n0\r\nX-Amz-Checksum-CRC32 : DUoRhQ== \r\n\r\n");
    EXPECT_EQ(outcome.status, "ok");
    EXPECT_EQ(outcome.trailers, (Trailers{{"x-amz-checksum-crc32", "DUoRhQ=="}}));
}

TEST(ChunkedBodies, MayBeEmpty) {
    Signer signer(seed);
    EXPECT_EQ(decode({.decoded_bytes = 0}, aws_signature(PayloadKind::signed_chunks, seed),
                     signer.chunk("") + "\r\n")
                  .status,
              "ok");
}

TEST(ChunkedBodies, OfAnySizesComeOutWhole) {
    const unsigned random_seed = std::random_device()();
    SCOPED_TRACE(fmt::format("seed {}", random_seed));
    std::mt19937 random(random_seed);
    const auto below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    for (int round = 0; round < 50; ++round) {
        Signer signer(seed);
        std::string payload;
        std::string wire;
        for (std::size_t chunks = below(6); chunks > 0; --chunks) {
            std::string data(1 + below(3000), '\0');
            for (char& c : data) c = static_cast<char>(below(256));
            wire += signer.chunk(data);
            payload += data;
        }
        wire += signer.chunk("") + signer.trailer(crc32, "AAAAAA==");
        std::vector<std::size_t> cuts;
        for (std::size_t cut = below(700); cut < wire.size(); cut += 1 + below(700))
            cuts.push_back(cut);
        const Outcome outcome =
            decode({.decoded_bytes = payload.size(), .trailer_names = {std::string(crc32)}},
                   aws_signature(PayloadKind::signed_chunks_trailer, seed), wire, cuts);
        ASSERT_EQ(outcome.status, "ok");
        ASSERT_EQ(outcome.payload, payload);
    }
}

TEST(ChunkedBodies, AreDescribedByHeaders) {
    RequestView view;
    EXPECT_EQ(parse_chunked_body(view).error().code(), Code::missing_content_length);
    view.headers = {{"X-Amz-Decoded-Content-Length", "11"},
                    {"X-Amz-Trailer", "X-Amz-Checksum-CRC32, b"}};
    const ChunkedBody body = parse_chunked_body(view).value();
    EXPECT_EQ(body.decoded_bytes, 11u);
    EXPECT_EQ(body.trailer_names, (std::vector<std::string>{"x-amz-checksum-crc32", "b"}));
    for (const std::string_view length : {"", "-1", "1x", "99999999999999999999", "+1"}) {
        view.headers = {{"X-Amz-Decoded-Content-Length", length}};
        EXPECT_EQ(parse_chunked_body(view).error().code(), Code::invalid_argument) << length;
    }
    const std::string many = "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q";
    view.headers = {{"X-Amz-Decoded-Content-Length", "1"}, {"X-Amz-Trailer", many}};
    EXPECT_EQ(parse_chunked_body(view).error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace weir::s3
