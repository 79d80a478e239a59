#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "s3/proto/model_bucket.h"
#include "s3/proto/model_list.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/model_object.h"

namespace weir::s3 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr UnixNanos time = 1'767'323'045 * nanos_per_second;  // 2026-01-02T03:04:05Z

template <typename Message>
Reply written(const Message& message) {
    Reply reply;
    write(message, reply);
    return reply;
}

// The document without its declaration and its namespace.
template <typename Message>
std::string xml_of(const Message& message) {
    const std::string body = written(message).body;
    const std::string head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    const std::string name_space = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
    EXPECT_TRUE(body.starts_with(head)) << body;
    const std::size_t at = body.find(name_space);
    if (at == std::string::npos) return "no namespace: " + body;
    return body.substr(head.size(), at - head.size()) + body.substr(at + name_space.size());
}

TEST(Replies, OfBucketsAreS3s) {
    EXPECT_EQ(xml_of(ListBucketsReply{
                  .buckets = {{.name = "quotes", .creation_date = time}},
                  .owner = Owner{.display_name = "webfile", .id = "bcaf"},
              }),
              "<ListAllMyBucketsResult><Buckets><Bucket><Name>quotes</Name>"
              "<CreationDate>2026-01-02T03:04:05.000Z</CreationDate></Bucket></Buckets>"
              "<Owner><DisplayName>webfile</DisplayName><ID>bcaf</ID></Owner>"
              "</ListAllMyBucketsResult>");
    EXPECT_EQ(xml_of(ListBucketsReply{}),
              "<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>");
    EXPECT_EQ(xml_of(GetBucketLocationReply{}), "<LocationConstraint></LocationConstraint>");
    EXPECT_EQ(xml_of(GetBucketLocationReply{.location_constraint = "eu-west-1"}),
              "<LocationConstraint>eu-west-1</LocationConstraint>");
    EXPECT_EQ(xml_of(GetBucketVersioningReply{.status = "Enabled"}),
              "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    EXPECT_EQ(written(DeleteBucketReply{}).status, 204u);
    EXPECT_EQ(written(DeleteBucketReply{}).body, "");
    EXPECT_THAT(written(CreateBucketReply{.location = "/quotes"}).headers,
                ElementsAre(Pair("Location", "/quotes")));
}

TEST(Replies, OfObjectsAreHeaders) {
    const Reply reply = written(GetObjectReply{
        .last_modified = time,
        .content_length = 9,
        .etag = "\"e\"",
        .checksum_crc64nvme = "AA==",
        .metadata = {{"a", "1"}},
        .parts_count = 2,
    });
    EXPECT_EQ(reply.status, 200u);
    EXPECT_EQ(reply.body, "");
    EXPECT_THAT(reply.headers,
                ElementsAre(Pair("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT"),
                            Pair("Content-Length", "9"), Pair("ETag", "\"e\""),
                            Pair("x-amz-checksum-crc64nvme", "AA=="), Pair("x-amz-meta-a", "1"),
                            Pair("x-amz-mp-parts-count", "2")));
    const Reply deleted = written(DeleteObjectReply{.delete_marker = true, .version_id = "v"});
    EXPECT_EQ(deleted.status, 204u);
    EXPECT_THAT(deleted.headers,
                ElementsAre(Pair("x-amz-delete-marker", "true"), Pair("x-amz-version-id", "v")));
}

TEST(Replies, OfCopiesAreTheirPayload) {
    const CopyObjectReply copied{
        .copy_object_result = CopyObjectResult{.etag = "\"e\"", .last_modified = time},
        .version_id = "v",
    };
    EXPECT_EQ(xml_of(copied),
              "<CopyObjectResult><ETag>&quot;e&quot;</ETag>"
              "<LastModified>2026-01-02T03:04:05.000Z</LastModified></CopyObjectResult>");
    EXPECT_EQ(written(copied).header("x-amz-version-id"), "v");
    EXPECT_EQ(xml_of(UploadPartCopyReply{.copy_part_result = CopyPartResult{.etag = "e"}}),
              "<CopyPartResult><ETag>e</ETag></CopyPartResult>");
}

TEST(Replies, OfDeletesAndAttributesAreS3s) {
    EXPECT_EQ(xml_of(DeleteObjectsReply{
                  .deleted = {{.key = "a"}, {.key = "b", .delete_marker = true}},
                  .errors = {{.key = "c", .code = "AccessDenied", .message = "Access Denied"}},
              }),
              "<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key>"
              "<DeleteMarker>true</DeleteMarker></Deleted><Error><Key>c</Key>"
              "<Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>");
    EXPECT_EQ(
        xml_of(GetObjectAttributesReply{
            .etag = "e",
            .checksum = Checksum{.checksum_sha1 = "s", .checksum_type = "COMPOSITE"},
            .object_parts = GetObjectAttributesParts{.total_parts_count = 1,
                                                     .parts = {{.part_number = 1, .size = 5}}},
            .object_size = 5,
        }),
        "<GetObjectAttributesResponse><ETag>e</ETag><Checksum><ChecksumSHA1>s</ChecksumSHA1>"
        "<ChecksumType>COMPOSITE</ChecksumType></Checksum><ObjectParts>"
        "<PartsCount>1</PartsCount><Part><PartNumber>1</PartNumber><Size>5</Size></Part>"
        "</ObjectParts><ObjectSize>5</ObjectSize></GetObjectAttributesResponse>");
}

TEST(Replies, OfMultipartUploadsAreS3s) {
    EXPECT_EQ(
        xml_of(CreateMultipartUploadReply{.bucket = "b", .key = "k<", .upload_id = "u"}),
        "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k&lt;</Key><UploadId>u</UploadId>"
        "</InitiateMultipartUploadResult>");
    EXPECT_EQ(xml_of(CompleteMultipartUploadReply{.location = "l", .bucket = "b", .etag = "e-2"}),
              "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket>"
              "<ETag>e-2</ETag></CompleteMultipartUploadResult>");
    EXPECT_EQ(xml_of(ListPartsReply{
                  .max_parts = 2,
                  .is_truncated = true,
                  .parts = {{.part_number = 2, .last_modified = time, .size = 10}},
                  .initiator = Initiator{.id = "i"},
              }),
              "<ListPartsResult><MaxParts>2</MaxParts><IsTruncated>true</IsTruncated><Part>"
              "<PartNumber>2</PartNumber><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
              "<Size>10</Size></Part><Initiator><ID>i</ID></Initiator></ListPartsResult>");
    EXPECT_EQ(xml_of(ListMultipartUploadsReply{
                  .uploads = {{.upload_id = "u", .key = "k"}},
                  .common_prefixes = {{.prefix = "p/"}},
              }),
              "<ListMultipartUploadsResult><Upload><UploadId>u</UploadId><Key>k</Key></Upload>"
              "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListMultipartUploadsResult>");
    EXPECT_EQ(written(AbortMultipartUploadReply{}).status, 204u);
}

TEST(Replies, OfListingsAreS3s) {
    EXPECT_EQ(xml_of(ListObjectsV2Reply{
                  .is_truncated = false,
                  .contents = {{.key = "my\x02key",
                                .checksum_algorithm = {"CRC32", "SHA1"},
                                .size = 434234}},
                  .name = "b",
                  .prefix = "",
                  .max_keys = 1000,
                  .common_prefixes = {{.prefix = "a/"}, {.prefix = "b/"}},
                  .key_count = 3,
              }),
              "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>my&#x2;key</Key>"
              "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
              "<ChecksumAlgorithm>SHA1</ChecksumAlgorithm><Size>434234</Size></Contents>"
              "<Name>b</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys>"
              "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"
              "<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes><KeyCount>3</KeyCount>"
              "</ListBucketResult>");
    EXPECT_THAT(written(ListObjectsReply{.next_marker = "m"}).body,
                HasSubstr("<NextMarker>m</NextMarker>"));
}

TEST(Replies, OfVersionsKeepTheOrderOfTheListing) {
    ListObjectVersionsReply reply;
    reply.entries.emplace_back(DeleteMarkerEntry{.key = "a", .is_latest = true});
    reply.entries.emplace_back(ObjectVersion{.key = "a", .version_id = "1"});
    reply.entries.emplace_back(DeleteMarkerEntry{.key = "b"});
    EXPECT_EQ(xml_of(reply),
              "<ListVersionsResult><DeleteMarker><Key>a</Key><IsLatest>true</IsLatest>"
              "</DeleteMarker><Version><Key>a</Key><VersionId>1</VersionId></Version>"
              "<DeleteMarker><Key>b</Key></DeleteMarker></ListVersionsResult>");
}

}  // namespace
}  // namespace weir::s3
