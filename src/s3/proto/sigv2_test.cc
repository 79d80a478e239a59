#include "s3/proto/sigv2.h"

#include <gtest/gtest.h>

#include "s3/proto/signature_examples.h"

namespace weir::s3 {
namespace {

std::string verify(const SentRequest& sent, UnixNanos now = example_time,
                   std::string_view secret = example_secret) {
    const ReceivedRequest received(sent);
    const SignedRequest request = received.signed_request();
    const Result<SignatureV2> signature = parse_signature_v2(request);
    if (!signature) return std::string(info(signature.error().code()).name);
    EXPECT_EQ(signature->access_key_id, example_access_key_id);
    const Result<void> verified = verify_v2(request, *signature, secret, now);
    return verified ? "ok" : std::string(info(verified.error().code()).name);
}

SentRequest example(std::string_view name, SignatureKind kind) {
    for (SentRequest& sent : botocore_requests()) {
        if (sent.name == name && sent.kind == kind) return std::move(sent);
    }
    ADD_FAILURE() << "no example " << name;
    return {};
}

void replace(std::string& text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
}

void set_header(SentRequest& sent, std::string_view name, std::string_view value) {
    for (auto& header : sent.headers) {
        if (equal_ignoring_case(header.first, name)) {
            header.second = value;
            return;
        }
    }
    sent.headers.emplace_back(name, value);
}

TEST(SignatureV2, OfBotocoreIsRightForEachRequest) {
    int checked = 0;
    for (const SentRequest& sent : botocore_requests()) {
        if (sent.kind != SignatureKind::v2_header && sent.kind != SignatureKind::v2_query) continue;
        EXPECT_EQ(verify(sent), "ok") << sent.name;
        EXPECT_EQ(verify(sent, example_time, "another secret"), "signature_does_not_match");
        ++checked;
    }
    EXPECT_EQ(checked, 16);
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
TEST(SignatureV2, OfTheExamplesThatAwsPublishedIsRight) {
    const std::string secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const auto check = [&](std::string method, std::string target, std::string date,
                           std::vector<std::pair<std::string, std::string>> headers) {
        headers.emplace_back("Host", "awsexamplebucket1.s3.example.com");
        headers.emplace_back("Date", date);
        const ReceivedRequest received({.name = "aws",
                                        .kind = SignatureKind::v2_header,
                                        .method = std::move(method),
                                        .target = std::move(target),
                                        .headers = std::move(headers)});
        const SignatureV2 signature = parse_signature_v2(received.signed_request()).value();
        return verify_v2(received.signed_request(), signature, secret, *parse_date(date))
            .has_value();
    };
    EXPECT_TRUE(
        check("GET", "/photos/puppy.jpg", "Tue, 27 Mar 2007 19:36:42 +0000",
              {{"Authorization", "AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g="}}));
    EXPECT_TRUE(
        check("PUT", "/photos/puppy.jpg", "Tue, 27 Mar 2007 21:15:45 +0000",
              {{"Content-Type", "image/jpeg"},
               {"Content-Length", "94328"},
               {"Authorization", "AWS AKIAIOSFODNN7EXAMPLE:iqRzw+ileNPu1fhspnRs8nOjjIA="}}));
    EXPECT_TRUE(
        check("GET", "/?prefix=photos&max-keys=50&marker=puppy", "Tue, 27 Mar 2007 19:42:41 +0000",
              {{"Authorization", "AWS AKIAIOSFODNN7EXAMPLE:m0WP8eCtspQl5Ahe6L1SozdX9YA="}}));
    EXPECT_TRUE(
        check("GET", "/?acl", "Tue, 27 Mar 2007 19:44:46 +0000",
              {{"Authorization", "AWS AKIAIOSFODNN7EXAMPLE:82ZHiFIjc+WbcwFKGUVEQspPn+0="}}));
}

TEST(SignatureV2, CoversMethodPathSubResourcesAndHeaders) {
    const SentRequest put = example("put", SignatureKind::v2_header);
    using Change = void (*)(SentRequest&);
    const Change changes[] = {
        [](SentRequest& sent) { sent.method = "POST"; },
        [](SentRequest& sent) { replace(sent.target, "/models/", "/model/"); },
        [](SentRequest& sent) { replace(sent.target, "//", "/"); },
        [](SentRequest& sent) { sent.target += "?acl"; },
        [](SentRequest& sent) { sent.target += "?uploadId=u&partNumber=1"; },
        [](SentRequest& sent) { sent.target += "?response-content-type=text%2Fhtml"; },
        [](SentRequest& sent) { set_header(sent, "content-type", "text/plain"); },
        [](SentRequest& sent) { set_header(sent, "content-md5", "AAAA"); },
        [](SentRequest& sent) { set_header(sent, "date", "Mon, 23 Nov 2026 12:00:01 GMT"); },
        [](SentRequest& sent) { set_header(sent, "x-amz-meta-owner", "b"); },
        [](SentRequest& sent) { set_header(sent, "x-amz-acl", "public-read"); },
        [](SentRequest& sent) { set_header(sent, "authorization", "AWS tid_example:AAAA"); },
    };
    for (std::size_t i = 0; i < std::size(changes); ++i) {
        SentRequest changed = put;
        changes[i](changed);
        EXPECT_EQ(verify(changed), "signature_does_not_match") << i;
    }
}

TEST(SignatureV2, OfAPresignedUrlCoversItsSubResourcesAndExpiry) {
    const SentRequest get = example("presigned get with overrides", SignatureKind::v2_query);
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"versionId=v%201", "versionId=v%202"},
             {"text%2Fplain", "text%2Fhtml"},
             {"Expires=1795435800", "Expires=1795435801"},
             {"?versionId", "?acl&versionId"},
             {"/a%20b", "/a%20c"}}) {
        SentRequest changed = get;
        replace(changed.target, from, to);
        EXPECT_EQ(verify(changed), "signature_does_not_match") << to;
    }
    SentRequest extra_header = get;
    extra_header.headers.emplace_back("x-amz-acl", "public-read");
    EXPECT_EQ(verify(extra_header), "signature_does_not_match");
}

TEST(SignatureV2, CountsHeadersThatBotocorePutIntoTheQuery) {
    SentRequest put =
        example("presigned put with its headers in the query", SignatureKind::v2_query);
    EXPECT_EQ(verify(put), "ok");
    put.headers.emplace_back("Content-Type", "text/plain");
    put.headers.emplace_back("x-amz-meta-a", "b c");
    EXPECT_EQ(verify(put), "ok") << "sent as headers as well";
    set_header(put, "x-amz-meta-a", "d");
    EXPECT_EQ(verify(put), "signature_does_not_match");
}

TEST(SignatureV2, ExpiresOrMustBeRecent) {
    const SentRequest get = example("presigned get", SignatureKind::v2_query);
    EXPECT_EQ(verify(get, example_time + 599 * nanos_per_second), "ok");
    EXPECT_EQ(verify(get, example_time + 600 * nanos_per_second), "expired_presigned_request");
    const SentRequest list = example("list", SignatureKind::v2_header);
    EXPECT_EQ(verify(list, example_time + 900 * nanos_per_second), "ok");
    EXPECT_EQ(verify(list, example_time + 901 * nanos_per_second), "request_time_too_skewed");
    EXPECT_EQ(verify(list, example_time - 901 * nanos_per_second), "request_time_too_skewed");
}

TEST(SignatureV2, RefusesDatesThatAreNone) {
    for (const auto& [date, expected] : std::vector<std::pair<std::string, std::string>>{
             {"Bad Date", "access_denied"},
             {"", "access_denied"},
             {"Tue, 07 Jul 1950 21:53:04 GMT", "access_denied"},
             {"Tue, 07 Jul 2010 21:53:04 GMT", "request_time_too_skewed"},
             {"Tue, 07 Jul 2030 21:53:04 GMT", "request_time_too_skewed"},
             {"Tue, 07 Jul 9999 21:53:04 GMT", "request_time_too_skewed"}}) {
        SentRequest sent = example("list", SignatureKind::v2_header);
        sent.headers.emplace_back("x-amz-date", date);
        EXPECT_EQ(verify(sent), expected) << date;
    }
    SentRequest none = example("list", SignatureKind::v2_header);
    std::erase_if(none.headers, [](const auto& header) { return header.first == "Date"; });
    EXPECT_EQ(verify(none), "access_denied");
}

TEST(SignatureV2, ThatIsMalformedIsRefusedWithTheRightCode) {
    for (const std::string text : {"AWS HAHAHA", "AWS :x", "AWS x:", "AWS", "AWS "}) {
        SentRequest sent = example("list", SignatureKind::v2_header);
        set_header(sent, "authorization", text);
        EXPECT_EQ(verify(sent), "invalid_argument") << text;
    }
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"AWSAccessKeyId=tid_example&", ""},
             {"AWSAccessKeyId=tid_example", "AWSAccessKeyId="},
             {"&Expires=1795435800", ""},
             {"Expires=1795435800", "Expires=soon"},
             {"Signature=", "Sig="}}) {
        SentRequest sent = example("presigned get", SignatureKind::v2_query);
        replace(sent.target, from, to);
        EXPECT_EQ(verify(sent), "access_denied") << to;
    }
    SentRequest past = example("presigned get", SignatureKind::v2_query);
    replace(past.target, "Expires=", "Expires=-");
    EXPECT_EQ(verify(past), "expired_presigned_request");
    SentRequest token = example("list", SignatureKind::v2_header);
    token.headers.emplace_back("x-amz-security-token", "t");
    EXPECT_EQ(verify(token), "invalid_token");
}

TEST(SignatureKindOfARequest, IsNoneOrOneOfTheKnown) {
    const auto kind = [](const std::string& target, const std::string& authorization) {
        const ReceivedRequest received({.name = "kind",
                                        .kind = SignatureKind::none,
                                        .method = "GET",
                                        .target = target,
                                        .headers = {{"Authorization", authorization}}});
        return signature_kind(received.view());
    };
    EXPECT_EQ(kind("/", ""), SignatureKind::none);
    EXPECT_EQ(kind("/", "Bearer x").error().code(), Code::invalid_argument);
    EXPECT_EQ(kind("/?X-Amz-Signature=a", "AWS a:b").error().code(), Code::invalid_argument);
    EXPECT_EQ(kind("/?Signature=a&X-Amz-Algorithm=b", "").error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace weir::s3
