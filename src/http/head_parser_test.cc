#include "http/head_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace weir::http {
namespace {

Result<std::optional<std::size_t>> parse(HeadParser& parser, std::string_view bytes) {
    return parser.parse(as_bytes(bytes));
}

TEST(HeadParser, GivesWhatWasSent) {
    const Limits limits;
    HeadParser parser(limits);
    const std::string_view head =
        "PUT /b/a%2Fb?x=1&y HTTP/1.1\r\nHost: h\r\nX-Two:  spaced value \r\nx-two: "
        "again\r\nEmpty:\r\n"
        "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n";
    const auto parsed = parse(parser, std::string(head) + "body of the request");
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_EQ(**parsed, head.size());
    const RequestHead& got = parser.head();
    EXPECT_EQ(got.method, "PUT");
    EXPECT_EQ(got.target, "/b/a%2Fb?x=1&y");
    ASSERT_EQ(got.fields.size(), 6u);
    EXPECT_EQ(got.fields[1].value, "spaced value");
    EXPECT_EQ(got.field("X-TWO"), "spaced value");
    EXPECT_EQ(got.field("empty"), "");
    EXPECT_EQ(got.field("none"), std::nullopt);
    EXPECT_EQ(got.content_length, 12u);
    EXPECT_TRUE(got.expects_continue);
    EXPECT_TRUE(got.keep_alive);
    EXPECT_FALSE(got.chunked);
}

TEST(HeadParser, KnowsWhoKeepsTheConnection) {
    const Limits limits;
    HeadParser parser(limits);
    const auto keeps = [&](std::string_view bytes) {
        EXPECT_TRUE(parse(parser, bytes).value_or(std::nullopt)) << bytes;
        return parser.head().keep_alive;
    };
    EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
    EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(HeadParser, DoesNotMindWhereAHeadIsCut) {
    const Limits limits;
    HeadParser parser(limits);
    const std::string head = "GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    for (int round = 0; round < 2; ++round) {
        for (std::size_t size = 1; size < head.size(); ++size) {
            const auto parsed = parse(parser, head.substr(0, size));
            ASSERT_TRUE(parsed) << size;
            ASSERT_FALSE(*parsed) << size;
        }
        const auto whole = parse(parser, head + "GET /next HTTP/1.1\r\n");
        ASSERT_TRUE(whole && *whole);
        EXPECT_EQ(**whole, head.size());
        EXPECT_EQ(parser.head().fields.size(), 2u) << "nothing of the head before";
    }
}

// Each could be read by one server as one request and by another as two, or breaks RFC 9112.
TEST(HeadParser, RefusesWhatCouldBeReadInTwoWays) {
    const struct {
        const char* what;
        std::string bytes;  // after "POST / HTTP/1.1\r\nHost: h\r\n", unless it begins with a
                            // request line of its own
    } table[] = {
        {"both framings", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"},
        {"both framings, the other way round",
         "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"},
        {"two lengths", "Content-Length: 4\r\nContent-Length: 5\r\n"},
        {"the same length twice", "Content-Length: 4\r\nContent-Length: 4\r\n"},
        {"a list of lengths", "Content-Length: 4, 4\r\n"},
        {"a signed length", "Content-Length: +4\r\n"},
        {"a negative length", "Content-Length: -1\r\n"},
        {"a hexadecimal length", "Content-Length: 0x4\r\n"},
        {"an empty length", "Content-Length:\r\n"},
        {"a length with a tail", "Content-Length: 4 5\r\n"},
        {"a length past 64 bits", "Content-Length: 18446744073709551616\r\n"},
        {"another coding", "Transfer-Encoding: gzip\r\n"},
        {"chunked not last", "Transfer-Encoding: chunked, gzip\r\n"},
        {"two codings", "Transfer-Encoding: gzip, chunked\r\n"},
        {"chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
        {"chunked almost", "Transfer-Encoding: xchunked\r\n"},
        {"chunked, quoted", "Transfer-Encoding: \"chunked\"\r\n"},
        {"chunked after a vertical tab",
         "Transfer-Encoding: \x0b"
         "chunked\r\n"},
        {"a folded line", "A: b\r\n c\r\n"},
        {"a folded line by a tab", "A: b\r\n\tc\r\n"},
        {"a folded first line", " A: b\r\n"},
        {"a bare line feed between fields", "A: b\nC: d\r\n"},
        {"a bare carriage return in a value", "A: b\rC: d\r\n"},
        {"a null in a value", std::string("A: b\0c\r\n", 8)},
        {"a space before the colon", "A : b\r\n"},
        {"a length with a space before the colon", "Content-Length : 4\r\n"},
        {"no colon", "A\r\n"},
        {"no name", ": b\r\n"},
        {"a control character in a name", "A\x01: b\r\n"},
        {"a name in brackets", "A(b): c\r\n"},
        {"a name in UTF-8", "\xc3\xa4: b\r\n"},
        {"a second host", "Host: other\r\n"},
        {"no host", "POST / HTTP/1.1\r\nA: b\r\n"},
        {"a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"},
        {"HTTP/2.0", "POST / HTTP/2.0\r\nHost: h\r\n"},
        {"HTTP/1.2", "POST / HTTP/1.2\r\nHost: h\r\n"},
        {"HTTP/0.9", "POST /\r\n"},
        {"another protocol", "POST / HTTQ/1.1\r\nHost: h\r\n"},
        {"a lower-case protocol", "POST / http/1.1\r\nHost: h\r\n"},
        {"two spaces", "POST  / HTTP/1.1\r\nHost: h\r\n"},
        {"a target with a space", "POST /a b HTTP/1.1\r\nHost: h\r\n"},
        {"a target with a control character", "POST /a\x01 HTTP/1.1\r\nHost: h\r\n"},
        {"a method with a space before it", " POST / HTTP/1.1\r\nHost: h\r\n"},
        {"a line feed after the request line", "POST / HTTP/1.1\nHost: h\r\n"},
        {"a line before the request", "\r\nPOST / HTTP/1.1\r\nHost: h\r\n"},
        {"TLS", "\x16\x03\x01\x02\r\n"},
    };
    const Limits limits;
    for (const auto& [what, bytes] : table) {
        HeadParser parser(limits);
        const bool whole = bytes.find("POST") != std::string::npos || bytes.front() == '\x16';
        const auto parsed =
            parse(parser, (whole ? "" : "POST / HTTP/1.1\r\nHost: h\r\n") + bytes + "\r\n");
        ASSERT_FALSE(parsed) << what;
        const Code code = parsed.error().code();
        EXPECT_TRUE(code == Code::invalid_request || code == Code::not_implemented) << what;
    }
}

TEST(HeadParser, BoundsAHeadInBytesAndFields) {
    Limits limits;
    limits.request_head_bytes_max = 200;
    limits.request_headers_max = 5;
    const auto outcome = [&](const std::string& bytes) {
        HeadParser parser(limits);
        const auto parsed = parse(parser, bytes);
        return parsed ? (*parsed ? "whole" : "more")
                      : std::string(info(parsed.error().code()).name);
    };
    const std::string begin = "GET / HTTP/1.1\r\nHost: h\r\n";
    EXPECT_EQ(outcome(begin + "A: " + std::string(200 - begin.size() - 7, 'x') + "\r\n\r\n"),
              "whole");
    EXPECT_EQ(outcome(begin + "A: " + std::string(200 - begin.size() - 6, 'x') + "\r\n\r\n"),
              "request_header_too_large");
    EXPECT_EQ(outcome(begin + std::string(200 - begin.size(), 'x')), "more");
    EXPECT_EQ(outcome(begin + std::string(201 - begin.size(), 'x')), "request_header_too_large");
    EXPECT_EQ(outcome(begin + "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n"), "whole");
    EXPECT_EQ(outcome(begin + "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n"),
              "request_header_too_large");
}

}  // namespace
}  // namespace weir::http
