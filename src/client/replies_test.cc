#include "client/replies.h"

#include <gtest/gtest.h>

#include "client/lost_reply.h"
#include "client/retry.h"
#include "client/service_error.h"

namespace weir::client {
namespace {

TEST(Replies, OfListingsAreDecodedAsTheySay) {
    // As AWS writes it: a space is a plus.
    const auto encoded = parse_list_objects(
        "<?xml version=\"1.0\"?><ListBucketResult "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>t</NextContinuationToken><Contents><Key>a+b%2Bc%2F</Key>"
        "<Size>5</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-11-23T12:00:00.000Z"
        "</LastModified></Contents><CommonPrefixes><Prefix>p%20q/</Prefix></CommonPrefixes>"
        "</ListBucketResult>");
    ASSERT_TRUE(encoded);
    EXPECT_EQ(encoded->objects.at(0).key, "a b+c/");
    EXPECT_EQ(encoded->objects[0].bytes, 5u);
    EXPECT_EQ(encoded->objects[0].etag, "e");
    EXPECT_EQ(encoded->common_prefixes.at(0), "p q/");
    EXPECT_EQ(encoded->continuation_token, "t");
    const auto plain = parse_list_objects(
        "<ListBucketResult><Contents><Key>a+b%2B</Key></Contents></ListBucketResult>");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->objects.at(0).key, "a+b%2B");
    EXPECT_EQ(plain->continuation_token, "");
}

TEST(Replies, TellMetadataOfEachObjectAsTheStoreDoes) {
    const auto listed = [](const std::string& contents) {
        const auto reply = parse_list_objects("<ListBucketResult><Contents><Key>a</Key>" +
                                              contents + "</Contents></ListBucketResult>");
        EXPECT_TRUE(reply) << contents;
        return reply ? reply->objects.at(0) : ListedObject{};
    };
    using Metadata = std::map<std::string, std::string>;
    const ListedObject of_minio = listed(
        "<UserMetadata><X-Amz-Meta-Mtime>17.5</X-Amz-Meta-Mtime>"
        "<X-Amz-Meta-Mixed_a.b>&lt;Ren\xc3\xa9&gt;</X-Amz-Meta-Mixed_a.b>"
        "<content-type>text/plain</content-type></UserMetadata>");
    EXPECT_EQ(of_minio.metadata, (Metadata{{"mtime", "17.5"}, {"mixed_a.b", "<Ren\xc3\xa9>"}}));
    EXPECT_TRUE(of_minio.metadata_told);
    const ListedObject without =
        listed("<UserMetadata><content-type>text/plain</content-type></UserMetadata>");
    EXPECT_EQ(without.metadata, Metadata{});
    EXPECT_TRUE(without.metadata_told);
    const ListedObject of_tigris =
        listed("<Metadata><Name>mode</Name><Value>33152</Value></Metadata>");
    EXPECT_EQ(of_tigris.metadata, (Metadata{{"mode", "33152"}}));
    EXPECT_TRUE(of_tigris.metadata_told);
    EXPECT_FALSE(listed("").metadata_told);
    // A name that is no element's: as if there were no reply.
    EXPECT_FALSE(
        parse_list_objects("<ListBucketResult><Contents><Key>a</Key><UserMetadata>"
                           "<X-Amz-Meta-A!b>v</X-Amz-Meta-A!b></UserMetadata></Contents>"
                           "</ListBucketResult>"));
}

TEST(Replies, TellOfAFileOnThisMachine) {
    const auto blob = [](std::string value) {
        return parse_object_info({{"x-weir-blob", std::move(value)}}).blob;
    };
    const auto told = blob("boot=b-1; device=64768; inode=12; path=/data/a%20b%3Bc; more=1");
    ASSERT_TRUE(told);
    EXPECT_EQ(told->boot_id, "b-1");
    EXPECT_EQ(told->device, 64768u);
    EXPECT_EQ(told->inode, 12u);
    EXPECT_EQ(told->path, "/data/a b;c");
    for (const char* bad :
         {"", ";;;", "boot=b; device=1; inode=2", "boot=b; device=1; inode=x; path=/a",
          "boot=b; device=-1; inode=2; path=/a", "device=1; inode=2; path=/a",
          "boot=b; device=1; inode=2; path=a", "boot=b; device=1; inode=2; path=/a%zz", "="})
        EXPECT_FALSE(blob(bad)) << bad;
    EXPECT_FALSE(parse_object_info({}).blob);
}

TEST(Replies, ThatAreNoneAreRefused) {
    for (const std::string_view xml :
         {"", "<html></html>", "<ListBucketResult>", "<Error><Code>x</Code></Error>",
          "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key></Contents>"
          "</ListBucketResult>",
          "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}) {
        const auto reply = parse_list_objects(xml);
        ASSERT_FALSE(reply) << xml;
        EXPECT_EQ(reply.error().code(), Code::invalid_encoding) << xml;
    }
}

TEST(Replies, OfVersionsKeepTheirOrder) {
    const auto reply = parse_list_versions(
        "<ListVersionsResult><Version><Key>a</Key><VersionId>2</VersionId></Version>"
        "<DeleteMarker><Key>a</Key><VersionId>1</VersionId></DeleteMarker>"
        "<Version><Key>a</Key><VersionId>0</VersionId></Version></ListVersionsResult>");
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->versions.size(), 3u);
    EXPECT_TRUE(reply->versions[1].delete_marker);
    EXPECT_EQ(reply->versions[2].version_id, "0");
}

TEST(Replies, OfRanges) {
    const auto range = parse_content_range("bytes 5-9/100");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->first, 5u);
    EXPECT_EQ(range->last, 9u);
    EXPECT_EQ(range->total, 100u);
    for (const std::string_view bad : {"", "bytes */100", "bytes 5-9/*", "bytes 9-5/100",
                                       "bytes 5-100/100", "items 5-9/100", "bytes 5/9-100"})
        EXPECT_FALSE(parse_content_range(bad)) << bad;
}

TEST(Replies, KnowAChecksumOfAllBytesFromAnother) {
    EXPECT_EQ(parse_crc64nvme(format_crc64nvme(0x0123456789abcdef)), 0x0123456789abcdefu);
    EXPECT_FALSE(parse_crc64nvme("AAAAAAAAAAA=-3"));
    EXPECT_FALSE(parse_crc64nvme("AAAA"));
}

TEST(ServiceError, MeansACodeOfOurs) {
    const auto code = [](unsigned status, std::string_view s3_code, bool has_key = true) {
        const std::string body =
            s3_code.empty() ? "" : "<Error><Code>" + std::string(s3_code) + "</Code></Error>";
        return parse_service_error(status, body).code(has_key);
    };
    EXPECT_EQ(code(404, "NoSuchKey"), Code::no_such_key);
    EXPECT_EQ(code(404, ""), Code::no_such_key);
    EXPECT_EQ(code(404, "", false), Code::no_such_bucket);
    EXPECT_EQ(code(500, "InternalError"), Code::internal_error);
    EXPECT_EQ(code(503, "ServiceUnavailable"), Code::unavailable);
    EXPECT_EQ(code(403, "AccessDenied"), Code::access_denied);
    EXPECT_EQ(code(403, "SomethingNew"), Code::access_denied);
    EXPECT_EQ(code(400, "ExpiredToken"), Code::invalid_token);
    EXPECT_EQ(code(418, ""), Code::invalid_request);
    EXPECT_EQ(code(304, ""), Code::not_modified);
    EXPECT_EQ(parse_service_error(503, "<html>no S3</html>").code(true), Code::slow_down);
}

TEST(ServiceError, IsTriedAgainOrNot) {
    const auto again = [](unsigned status, std::string s3_code) {
        return ServiceError{.status = status, .s3_code = std::move(s3_code)}.may_retry();
    };
    for (const unsigned status : {429u, 500u, 502u, 503u, 504u}) EXPECT_TRUE(again(status, ""));
    EXPECT_TRUE(again(400, "RequestTimeout"));
    EXPECT_TRUE(again(400, "BadDigest"));
    EXPECT_TRUE(again(200, "InternalError"));
    for (const unsigned status : {400u, 403u, 404u, 409u, 412u, 416u, 501u, 507u})
        EXPECT_FALSE(again(status, "")) << status;
}

TEST(Retry, WaitsAreRandomAndBounded) {
    ClientLimits limits;
    limits.backoff_base_ms = 100;
    limits.backoff_max_ms = 1000;
    for (unsigned retry = 1; retry < 100; ++retry) {
        const auto most = std::min<std::uint64_t>(100ull << std::min(retry - 1, 20u), 1000);
        EXPECT_LE(backoff(limits, retry).count(), static_cast<std::int64_t>(most));
    }
}

TEST(Retry, TheBudgetIsUsedUpAndComesBack) {
    ClientLimits limits;
    limits.retry_budget = 12;
    RetryBudget budget(limits);
    EXPECT_TRUE(budget.take(5));
    EXPECT_TRUE(budget.take(5));
    EXPECT_FALSE(budget.take(5));
    budget.give_back(3);
    EXPECT_TRUE(budget.take(5));
    budget.give_back(1000);
    EXPECT_TRUE(budget.take(12));
    EXPECT_FALSE(budget.take(1));
}

// hashlib.md5(bytes.fromhex("0...0") + bytes.fromhex("f...f")).hexdigest()
TEST(LostReply, ComparesWithTheEtagOfTheParts) {
    EXPECT_EQ(multipart_etag({{.part_number = 1, .etag = std::string(32, '0')},
                              {.part_number = 2, .etag = std::string(32, 'f')}}),
              "86c036c1a10384a5673251100457087a-2");
    EXPECT_EQ(multipart_etag({{.part_number = 1, .etag = "no MD5"}}), "");
}

}  // namespace
}  // namespace weir::client
