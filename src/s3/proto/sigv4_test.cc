#include "s3/proto/sigv4.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "hash/hmac.h"
#include "s3/proto/signature_examples.h"

namespace weir::s3 {
namespace {

// The key of AWS's published examples.
constexpr std::string_view aws_secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const UnixNanos aws_time = parse_date("2013-05-24T00:00:00Z").value();
constexpr std::string_view empty_sha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Result<void> verify(const SentRequest& sent, std::string_view secret, UnixNanos now) {
    const ReceivedRequest received(sent);
    const SignedRequest request = received.signed_request();
    TRY(const SignatureV4 signature, parse_signature_v4(request));
    return verify_v4(request, signature,
                     derive_signing_key(secret, signature.date, signature.region), now);
}

std::string outcome(const Result<void>& result) {
    return result ? "ok" : std::string(info(result.error().code()).name);
}
std::string verify_example(const SentRequest& sent, UnixNanos now = example_time) {
    return outcome(verify(sent, example_secret, now));
}

SentRequest aws_example(std::string method, std::string target,
                        std::vector<std::pair<std::string, std::string>> headers,
                        const std::string& payload, const std::string& signed_headers,
                        const std::string& signature) {
    headers.emplace_back("x-amz-content-sha256", payload);
    headers.emplace_back("Authorization",
                         "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                         "aws4_request,SignedHeaders=" +
                             signed_headers + ",Signature=" + signature);
    return {.name = "aws",
            .kind = SignatureKind::v4_header,
            .method = std::move(method),
            .target = std::move(target),
            .headers = std::move(headers)};
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
TEST(SignatureV4, OfEachExampleThatAwsPublishedIsRight) {
    const std::pair<std::string, std::string> host{"Host", "examplebucket.s3.amazonaws.com"};
    const std::pair<std::string, std::string> date{"x-amz-date", "20130524T000000Z"};
    const std::string empty(empty_sha256);
    const SentRequest examples[] = {
        aws_example("GET", "/test.txt", {host, date, {"Range", "bytes=0-9"}}, empty,
                    "host;range;x-amz-content-sha256;x-amz-date",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        aws_example("PUT", "/test$file.text",
                    {host,
                     date,
                     {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                    "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        aws_example("GET", "/?lifecycle", {host, date}, empty,
                    "host;x-amz-content-sha256;x-amz-date",
                    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        aws_example("GET", "/?max-keys=2&prefix=J", {host, date}, empty,
                    "host;x-amz-content-sha256;x-amz-date",
                    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        aws_example("PUT", "/examplebucket/chunkObject.txt",
                    {{"Host", "s3.amazonaws.com"},
                     date,
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                     {"Content-Encoding", "aws-chunked"},
                     {"x-amz-decoded-content-length", "66560"},
                     {"Content-Length", "66824"}},
                    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                    "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                    "x-amz-decoded-content-length;x-amz-storage-class",
                    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
    };
    for (const SentRequest& example : examples)
        EXPECT_EQ(outcome(verify(example, aws_secret, aws_time)), "ok") << example.target;

    const SentRequest presigned{
        .name = "aws presigned",
        .kind = SignatureKind::v4_query,
        .method = "GET",
        .target =
            "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F"
            "20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
            "86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
        .headers = {host}};
    EXPECT_EQ(outcome(verify(presigned, aws_secret, aws_time)), "ok");
}

TEST(SignatureV4, OfBotocoreIsRightForEachRequest) {
    int checked = 0;
    for (const SentRequest& sent : botocore_requests()) {
        const ReceivedRequest received(sent);
        EXPECT_EQ(signature_kind(received.view()), sent.kind) << sent.name;
        if (sent.kind != SignatureKind::v4_header && sent.kind != SignatureKind::v4_query) continue;
        EXPECT_EQ(verify_example(sent), "ok") << sent.name;
        EXPECT_EQ(outcome(verify(sent, "another secret", example_time)),
                  "signature_does_not_match");
        ++checked;
    }
    EXPECT_EQ(checked, 15);
}

SentRequest example(std::string_view name, SignatureKind kind) {
    for (SentRequest& sent : botocore_requests()) {
        if (sent.name == name && sent.kind == kind) return std::move(sent);
    }
    ADD_FAILURE() << "no example " << name;
    return {};
}

std::string& header_of(SentRequest& sent, std::string_view name) {
    const auto found = std::ranges::find_if(
        sent.headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
    EXPECT_NE(found, sent.headers.end()) << name;
    return found->second;
}

void replace(std::string& text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
}

TEST(SignatureV4, CoversEveryPartOfTheRequest) {
    using Change = void (*)(SentRequest&);
    const Change changes[] = {
        [](SentRequest& sent) { sent.method = "POST"; },
        [](SentRequest& sent) { replace(sent.target, "models/", "modelz/"); },
        [](SentRequest& sent) { replace(sent.target, "//", "/"); },
        [](SentRequest& sent) { replace(sent.target, "../", ""); },
        [](SentRequest& sent) { replace(sent.target, "%252F", "%2F"); },
        [](SentRequest& sent) { sent.target += "?acl"; },
        [](SentRequest& sent) { header_of(sent, "host") = "other:9000"; },
        [](SentRequest& sent) { header_of(sent, "content-type") = "text/plain"; },
        [](SentRequest& sent) { header_of(sent, "x-amz-meta-owner") = "b"; },
        [](SentRequest& sent) { header_of(sent, "x-amz-checksum-crc32") = "AAAAAA=="; },
        [](SentRequest& sent) { header_of(sent, "x-amz-date") = "20261123T120001Z"; },
        [](SentRequest& sent) { header_of(sent, "x-amz-content-sha256") = empty_sha256; },
        [](SentRequest& sent) { header_of(sent, "x-amz-content-sha256") = "UNSIGNED-PAYLOAD"; },
        [](SentRequest& sent) { sent.headers.emplace_back("x-amz-meta-owner", "me"); },
        [](SentRequest& sent) { replace(header_of(sent, "authorization"), "/auto/", "/auto2/"); },
        [](SentRequest& sent) { replace(header_of(sent, "authorization"), "content-type;", ""); },
        [](SentRequest& sent) { replace(header_of(sent, "authorization"), "ddf", "ddd"); },
        [](SentRequest& sent) { header_of(sent, "authorization").pop_back(); },
    };
    const SentRequest put = example("put", SignatureKind::v4_header);
    ASSERT_EQ(verify_example(put), "ok");
    for (std::size_t i = 0; i < std::size(changes); ++i) {
        SentRequest changed = put;
        changes[i](changed);
        EXPECT_EQ(verify_example(changed), "signature_does_not_match") << i;
    }
}

TEST(SignatureV4, OfAPresignedUrlCoversEveryPartOfIt) {
    const SentRequest get = example("presigned get with overrides", SignatureKind::v4_query);
    ASSERT_EQ(verify_example(get), "ok");
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"/my-models/", "/my-model/"},
             {"versionId=v%201", "versionId=v%202"},
             {"text%2Fplain", "text%2Fhtml"},
             {"&X-Amz-Alg", "&x-id=GetObject&X-Amz-Alg"},
             {"X-Amz-Expires=600", "X-Amz-Expires=601"},
             {"X-Amz-Date=20261123T120000Z", "X-Amz-Date=20261123T120001Z"},
             {"%2Fauto%2F", "%2Fus-east-1%2F"},
             {"tid_example", "tid_exampl"},
             {"X-Amz-Signature=cea", "X-Amz-Signature=cee"}}) {
        SentRequest changed = get;
        replace(changed.target, from, to);
        EXPECT_EQ(verify_example(changed), "signature_does_not_match") << to;
    }
    SentRequest other_host = get;
    header_of(other_host, "host") = "elsewhere";
    EXPECT_EQ(verify_example(other_host), "signature_does_not_match");
    SentRequest other_method = get;
    other_method.method = "DELETE";
    EXPECT_EQ(verify_example(other_method), "signature_does_not_match");
    SentRequest reordered = get;
    replace(reordered.target, "?versionId=v%201&", "?");
    reordered.target += "&versionId=v+1";
    EXPECT_EQ(verify_example(reordered), "ok") << "order does not matter, and + is a space";
}

TEST(SignatureV4, RefusesAmzHeadersThatAreNotSigned) {
    for (const auto kind : {SignatureKind::v4_header, SignatureKind::v4_query}) {
        SentRequest sent =
            example(kind == SignatureKind::v4_header ? "upload part" : "presigned put", kind);
        sent.headers.emplace_back("X-Amz-Cf-Id", "a proxy's");
        sent.headers.emplace_back("Content-Type", "text/plain");
        sent.headers.emplace_back("X-Amzn-Trace-Id", "Root=1");
        EXPECT_EQ(verify_example(sent), "ok");
        sent.headers.emplace_back("X-Amz-Acl", "public-read");
        EXPECT_EQ(verify_example(sent), "access_denied");
    }
    SentRequest unsigned_host = example("put", SignatureKind::v4_header);
    replace(header_of(unsigned_host, "authorization"), "host;", "");
    EXPECT_EQ(verify_example(unsigned_host), "access_denied");
}

TEST(SignatureV4, CanonicalizesHeaderValues) {
    SentRequest spaced = example("put", SignatureKind::v4_header);
    header_of(spaced, "x-amz-meta-owner") = "  a     b ";
    EXPECT_EQ(verify_example(spaced), "ok") << "a proxy may fold white space";

    const ReceivedRequest received({.name = "repeated",
                                    .kind = SignatureKind::v4_header,
                                    .method = "GET",
                                    .target = "/b?b=2&a=&B=%20+",
                                    .headers = {{"Host", "h"},
                                                {"X-Amz-Meta-A", " 1 "},
                                                {"x-amz-meta-a", "2  3"},
                                                {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}}});
    SignatureV4 signature;
    signature.signed_headers = {"expect", "host", "x-amz-meta-a"};
    EXPECT_EQ(canonical_request_v4(received.signed_request(), signature, "/b"),
              "GET\n/b\nB=%20%20&a=&b=2\nexpect:\nhost:h\nx-amz-meta-a:1,2 3\n\n"
              "expect;host;x-amz-meta-a\nUNSIGNED-PAYLOAD");
}

// Signs as a client does that has its own idea of the path's encoding.
std::string verify_signed_path(const std::string& target, std::string_view signed_path) {
    SentRequest sent = example("list buckets", SignatureKind::v4_header);
    sent.target = target;
    const ReceivedRequest received(sent);
    const SignatureV4 signature = parse_signature_v4(received.signed_request()).value();
    const std::string canonical =
        canonical_request_v4(received.signed_request(), signature, signed_path);
    const SigningKey key = derive_signing_key(example_secret, signature.date, signature.region);
    replace(header_of(sent, "authorization"), signature.signature,
            hex_encode(hash::hmac_sha256(key.bytes, string_to_sign_v4(signature, canonical))));
    return verify_example(sent);
}

TEST(SignatureV4, AcceptsTheClientsOwnEncodingOfTheSamePath) {
    EXPECT_EQ(verify_signed_path("/b/a(1)~", "/b/a%281%29~"), "ok");
    EXPECT_EQ(verify_signed_path("/b/a(1)~", "/b/a(1)~"), "ok");
    EXPECT_EQ(verify_signed_path("/b/%7e%2f", "/b/~/"), "ok");
    EXPECT_EQ(verify_signed_path("/b/%7e%2f", "/b/%7e%2f"), "ok");
    EXPECT_EQ(verify_signed_path("/b/%7e%2f", "/b/%7E%2F"), "signature_does_not_match");
    EXPECT_EQ(verify_signed_path("/b//a/../c", "/b/c"), "signature_does_not_match");
    EXPECT_EQ(verify_signed_path("/b/a+b", "/b/a%2Bb"), "ok");
    EXPECT_EQ(verify_signed_path("/b/a+b", "/b/a%20b"), "signature_does_not_match");
}

TEST(SignatureV4, IsGoodForAQuarterOfAnHourEitherWay) {
    const SentRequest put = example("put", SignatureKind::v4_header);
    const UnixNanos quarter = 900 * nanos_per_second;
    EXPECT_EQ(verify_example(put, example_time + quarter), "ok");
    EXPECT_EQ(verify_example(put, example_time - quarter), "ok");
    EXPECT_EQ(verify_example(put, example_time + quarter + 1), "request_time_too_skewed");
    EXPECT_EQ(verify_example(put, example_time - quarter - 1), "request_time_too_skewed");
}

TEST(SignatureV4, OfAPresignedUrlExpires) {
    const SentRequest get = example("presigned get", SignatureKind::v4_query);
    const UnixNanos lifetime = 600 * nanos_per_second;
    EXPECT_EQ(verify_example(get, example_time + lifetime - 1), "ok");
    EXPECT_EQ(verify_example(get, example_time + lifetime), "expired_presigned_request");
    EXPECT_EQ(verify_example(get, example_time - 900 * nanos_per_second), "ok");
    EXPECT_EQ(verify_example(get, example_time - 901 * nanos_per_second), "access_denied");
}

TEST(SignatureV4, TakesTheDateHeaderWhereThereIsNoAmzDate) {
    for (const std::string date : {"Mon, 23 Nov 2026 12:00:00 GMT", "20261123T120000Z"}) {
        SentRequest sent = example("list buckets", SignatureKind::v4_header);
        std::erase_if(sent.headers,
                      [](const auto& header) { return header.first == "X-Amz-Date"; });
        sent.headers.emplace_back("Date", date);
        const ReceivedRequest received(sent);
        const Result<SignatureV4> signature = parse_signature_v4(received.signed_request());
        ASSERT_TRUE(signature.has_value());
        EXPECT_EQ(signature->timestamp, "20261123T120000Z");
    }
}

std::string parse_outcome(const SentRequest& sent) {
    const ReceivedRequest received(sent);
    const auto parsed = parse_signature_v4(received.signed_request());
    return parsed ? "ok" : std::string(info(parsed.error().code()).name);
}

TEST(SignatureV4, InAMalformedHeaderIsRefusedWithTheRightCode) {
    const SentRequest put = example("put", SignatureKind::v4_header);
    const auto with = [&](std::string_view header, std::string_view from, std::string_view to) {
        SentRequest sent = put;
        replace(header_of(sent, header), from, to);
        return parse_outcome(sent);
    };
    EXPECT_EQ(with("authorization", ", ", ","), "ok");
    EXPECT_EQ(with("authorization", "tid_example/", "a/b/"), "ok") << "slashes within the key";
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"Credential=", "Credentials="},
             {"Credential=tid_example/20261123/auto/s3/aws4_request, ", ""},
             {"SignedHeaders=", "Signature="},
             {"Signature=", "Sig"},
             {"tid_example/", "/"},
             {"tid_example/", ""},
             {"/20261123/", "/2026112/"},
             {"/20261123/", "/20261124/"},
             {"/20261123/", "/20261399/"},
             {"/auto/", "//"},
             {"/s3/", "/ec2/"},
             {"aws4_request", "aws3_request"},
             {"content-type;host", "content-type;;host"},
             {", Signature", " Signature"}}) {
        EXPECT_EQ(with("authorization", from, to), "authorization_header_malformed") << from << to;
    }
    EXPECT_EQ(with("authorization", "Signature=d", "Signature=D"), "signature_does_not_match");
    EXPECT_EQ(with("authorization", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), "invalid_argument");
    EXPECT_EQ(with("authorization", "AWS4-HMAC", "AWS4-ECDSA-P256"), "not_implemented");
    EXPECT_EQ(with("x-amz-date", "20261123T", "20261123 "), "access_denied");
    EXPECT_EQ(with("x-amz-content-sha256", "9a", "9"), "invalid_argument");
    EXPECT_EQ(with("x-amz-content-sha256", "9a", "9g"), "invalid_argument");

    SentRequest without = put;
    std::erase_if(without.headers,
                  [](const auto& header) { return header.first == "X-Amz-Content-SHA256"; });
    EXPECT_EQ(parse_outcome(without), "missing_security_header");
    SentRequest token = put;
    token.headers.emplace_back("X-Amz-Security-Token", "t");
    EXPECT_EQ(parse_outcome(token), "invalid_token");
}

TEST(SignatureV4, InAMalformedQueryIsRefusedWithTheRightCode) {
    const SentRequest get = example("presigned get", SignatureKind::v4_query);
    const auto with = [&](std::string_view from, std::string_view to) {
        SentRequest sent = get;
        replace(sent.target, from, to);
        return parse_outcome(sent);
    };
    for (const auto& [from, to] :
         std::vector<std::pair<std::string, std::string>>{{"&X-Amz-Expires=600", ""},
                                                          {"&X-Amz-Date=20261123T120000Z", ""},
                                                          {"&X-Amz-SignedHeaders=host", ""},
                                                          {"X-Amz-Credential", "X-Amz-Credentials"},
                                                          {"X-Amz-Signature", "X-Amz-Sig"},
                                                          {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"},
                                                          {"20261123T120000Z", "20261123"},
                                                          {"20261123T120000Z", "20261124T120000Z"},
                                                          {"=600", "=six"},
                                                          {"=600", "="},
                                                          {"=600", "=600x"},
                                                          {"%2Fs3%2F", "%2Fsqs%2F"}}) {
        EXPECT_EQ(with(from, to), "authorization_query_parameters_error") << to;
    }
    EXPECT_EQ(with("=600", "=604800"), "ok");
    EXPECT_EQ(with("=600", "=604801"), "access_denied");
    EXPECT_EQ(with("=600", "=99999999999999999999"), "access_denied");
    EXPECT_EQ(with("=600", "=-7"), "access_denied");
    EXPECT_EQ(with("&X-Amz-Exp", "&X-Amz-Security-Token=t&X-Amz-Exp"), "invalid_token");
    EXPECT_EQ(with("&X-Amz-Exp", "&AWSAccessKeyId=a&X-Amz-Exp"), "invalid_argument");

    SentRequest zero = get;
    replace(zero.target, "=600", "=0");
    EXPECT_EQ(verify_example(zero), "expired_presigned_request");
}

TEST(SignatureV4, SaysHowThePayloadIsVouchedFor) {
    const auto payload_of = [](const std::string& text) {
        SentRequest sent = example("list buckets", SignatureKind::v4_header);
        header_of(sent, "x-amz-content-sha256") = text;
        const ReceivedRequest received(sent);
        return parse_signature_v4(received.signed_request()).value().payload;
    };
    EXPECT_EQ(payload_of("UNSIGNED-PAYLOAD"), PayloadKind::unsigned_payload);
    EXPECT_EQ(payload_of(std::string(empty_sha256)), PayloadKind::sha256);
    EXPECT_EQ(payload_of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), PayloadKind::signed_chunks);
    EXPECT_EQ(payload_of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
              PayloadKind::signed_chunks_trailer);
    EXPECT_EQ(payload_of("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
              PayloadKind::unsigned_chunks_trailer);

    SentRequest presigned = example("presigned put", SignatureKind::v4_query);
    presigned.headers.emplace_back("x-amz-content-sha256", empty_sha256);
    const ReceivedRequest received(presigned);
    EXPECT_EQ(parse_signature_v4(received.signed_request()).value().payload_sha256, empty_sha256);
    EXPECT_EQ(verify_example(presigned), "ok") << "the URL was signed before the body was known";
}

TEST(SignatureV4, OfADigestInAPresignedUrlIsNotOverruledByAHeader) {
    const auto payload_of = [](std::string_view named, std::string_view header,
                               std::string_view signed_headers) {
        RequestView view{.method = "PUT", .host = "h", .bucket = "b", .key = "k"};
        view.query = {{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
                      {"X-Amz-Credential", "tid_example/20261123/auto/s3/aws4_request"},
                      {"X-Amz-Date", "20261123T120000Z"},
                      {"X-Amz-Expires", "600"},
                      {"X-Amz-SignedHeaders", signed_headers},
                      {"X-Amz-Signature", empty_sha256},
                      {"X-Amz-Content-Sha256", named}};
        view.headers = {{"Host", "h"}, {"x-amz-content-sha256", header}};
        const Result<SignatureV4> signature =
            parse_signature_v4({.view = view, .path = "/b/k", .raw_path = "/b/k"});
        return signature ? signature->payload_sha256 : signature.error().describe();
    };
    EXPECT_EQ(payload_of(empty_sha256, "UNSIGNED-PAYLOAD", "host"), empty_sha256);
    EXPECT_EQ(payload_of(empty_sha256, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "host"), empty_sha256);
    EXPECT_EQ(payload_of("UNSIGNED-PAYLOAD", empty_sha256, "host"), empty_sha256);
    EXPECT_EQ(payload_of("UNSIGNED-PAYLOAD", empty_sha256, "host;x-amz-content-sha256"),
              empty_sha256);
}

TEST(SignatureV4, SignsNoLineThatAPresignedUrlMadeUp) {
    const auto code_of = [](std::string_view region, std::string_view signed_headers) {
        const std::string credential = fmt::format("tid/20261123/{}/s3/aws4_request", region);
        RequestView view{.method = "GET", .host = "h", .bucket = "b", .key = "k"};
        view.query = {{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"}, {"X-Amz-Credential", credential},
                      {"X-Amz-Date", "20261123T120000Z"},      {"X-Amz-Expires", "600"},
                      {"X-Amz-SignedHeaders", signed_headers}, {"X-Amz-Signature", empty_sha256}};
        const Result<SignatureV4> signature =
            parse_signature_v4({.view = view, .path = "/b/k", .raw_path = "/b/k"});
        return signature ? "ok" : info(signature.error().code()).name;
    };
    EXPECT_EQ(code_of("auto", "host;x-amz-meta-a"), "ok");
    EXPECT_EQ(code_of("au\nto", "host"), "authorization_query_parameters_error");
    EXPECT_EQ(code_of("auto", "host;a\nb"), "authorization_query_parameters_error");
    EXPECT_EQ(code_of("auto", "host;a:b"), "authorization_query_parameters_error");
}

}  // namespace
}  // namespace weir::s3
