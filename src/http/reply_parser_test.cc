#include "http/reply_parser.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace weir::http {
namespace {

TEST(ReplyParser, GivesWhatCame) {
    const ClientLimits limits;
    ReplyParser parser(limits);
    const std::string head =
        "HTTP/1.1 206 Partial Content\r\nETag: \"abc\"\r\ncontent-length: 12\r\nEmpty:\r\n\r\n";
    const auto parsed = parser.parse(as_bytes(head + "body"));
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_EQ(**parsed, head.size());
    EXPECT_EQ(parser.head().status, 206u);
    EXPECT_EQ(parser.head().content_length, 12u);
    EXPECT_EQ(parser.head().field("Etag"), "\"abc\"");
    EXPECT_EQ(parser.head().field("EMPTY"), "");
    EXPECT_FALSE(parser.head().field("none"));
    EXPECT_TRUE(parser.head().keep_alive);
    EXPECT_FALSE(parser.head().chunked);
}

TEST(ReplyParser, KnowsWhetherTheConnectionStays) {
    const ClientLimits limits;
    ReplyParser parser(limits);
    const auto keeps = [&](std::string_view text) {
        EXPECT_TRUE(parser.parse(as_bytes(text)).value_or(std::nullopt)) << text;
        return parser.head().keep_alive;
    };
    EXPECT_TRUE(keeps("HTTP/1.1 200 OK\r\n\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: foo, close\r\n\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0 200 OK\r\n\r\n"));
    EXPECT_TRUE(keeps("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(ReplyParser, DoesNotMindWhereAHeadIsCut) {
    const ClientLimits limits;
    ReplyParser parser(limits);
    const std::string head = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int round = 0; round < 2; ++round) {
        for (std::size_t size = 0; size < head.size(); ++size) {
            const auto parsed = parser.parse(as_bytes(std::string_view(head).substr(0, size)));
            ASSERT_TRUE(parsed) << size;
            ASSERT_FALSE(*parsed) << size;
        }
        const auto whole = parser.parse(as_bytes(head + "5\r\n"));
        ASSERT_TRUE(whole && *whole);
        EXPECT_EQ(**whole, head.size());
        EXPECT_TRUE(parser.head().chunked);
        EXPECT_EQ(parser.head().fields.size(), 2u) << "nothing of the head before";
    }
}

TEST(ReplyParser, RefusesWhatCouldBeReadInTwoWays) {
    const ClientLimits limits;
    for (const std::string_view text : {
             "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
             "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
             "HTTP/2 200\r\n\r\n",
             "HTTP/1.1 999 Odd\r\n\r\n",
             "SSH-2.0-OpenSSH\r\n\r\n",
         }) {
        ReplyParser parser(limits);
        const auto parsed = parser.parse(as_bytes(text));
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code(), Code::invalid_encoding) << text;
    }
}

TEST(ReplyParser, KeepsToItsBounds) {
    ClientLimits limits;
    limits.reply_head_bytes_max = 1000;
    limits.reply_headers_max = 3;
    ReplyParser parser(limits);
    EXPECT_FALSE(parser.parse(as_bytes("HTTP/1.1 200 OK\r\nA: " + std::string(1000, 'a'))));
    ReplyParser second(limits);
    EXPECT_FALSE(second.parse(as_bytes("HTTP/1.1 200 OK\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n")));
    ReplyParser third(limits);
    EXPECT_TRUE(third.parse(as_bytes("HTTP/1.1 200 OK\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n")));
}

}  // namespace
}  // namespace weir::http
