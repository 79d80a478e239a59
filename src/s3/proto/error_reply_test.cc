#include "s3/proto/error_reply.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::s3 {
namespace {

TEST(ErrorReply, IsTheXmlThatS3Writes) {
    const std::vector<NamedText> details{{"Key", "a&b"}};
    const Reply reply = write_error(Error(Code::no_such_key), {.resource = "/bucket/a&b",
                                                               .request_id = "4442587FB7D0A2F9",
                                                               .host_id = "host",
                                                               .details = details});
    EXPECT_EQ(reply.status, 404u);
    EXPECT_EQ(reply.header("content-type"), "application/xml");
    EXPECT_EQ(reply.body,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
              "<Key>a&amp;b</Key><Resource>/bucket/a&amp;b</Resource>"
              "<RequestId>4442587FB7D0A2F9</RequestId><HostId>host</HostId></Error>");
}

TEST(ErrorReply, HasNoBodyForHeadAndForNotModified) {
    EXPECT_EQ(write_error(Error(Code::no_such_key), {.head_request = true}).status, 404u);
    EXPECT_EQ(write_error(Error(Code::no_such_key), {.head_request = true}).body, "");
    EXPECT_EQ(write_error(Error(Code::not_modified), {}).status, 304u);
    EXPECT_EQ(write_error(Error(Code::not_modified), {}).body, "");
}

TEST(Reply, CannotBeSplitByAHeaderValue) {
    Reply reply;
    reply.add_header("x-amz-meta-a", "1\r\nSet-Cookie: x\tz");
    EXPECT_EQ(reply.header("X-AMZ-META-A"), "1  Set-Cookie: x\tz");
}

}  // namespace
}  // namespace weir::s3
