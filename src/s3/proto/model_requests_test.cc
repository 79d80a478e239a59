#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/random.h"
#include "s3/proto/model_bucket.h"
#include "s3/proto/model_list.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/model_object.h"

namespace weir::s3 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

RequestView with_headers(std::vector<NamedText> headers) {
    return {.bucket = "b", .key = "k", .headers = std::move(headers)};
}

RequestView with_query(std::vector<NamedText> query) {
    return {.bucket = "b", .key = "k", .query = std::move(query)};
}

template <typename Request>
Code code_of(const RequestView& view, std::string_view body = {}) {
    const auto request = parse<Request>(view, body);
    return request.has_value() ? Code::internal_error : request.error().code();
}

TEST(PutObjectRequest, HasTheHeadersOfTheRequest) {
    const auto request =
        parse<PutObjectRequest>(with_headers({{"content-length", "5368709120"},
                                              {"CONTENT-TYPE", "text/plain"},
                                              {"Cache-Control", ""},
                                              {"If-None-Match", "*"},
                                              {"x-amz-checksum-crc64nvme", "AA=="},
                                              {"x-amz-sdk-checksum-algorithm", "crc32"},
                                              {"X-Amz-Meta-Name", "v\xc3\xa9"},
                                              {"x-amz-meta-name", "w"},
                                              {"x-amz-meta-", "no name"},
                                              {"x-amz-acl", "private"},
                                              {"x-amz-storage-class", "STANDARD_IA"}}));
    ASSERT_TRUE(request.has_value()) << request.error().message();
    EXPECT_EQ(request->bucket, "b");
    EXPECT_EQ(request->key, "k");
    EXPECT_EQ(request->content_length, 5'368'709'120);
    EXPECT_EQ(request->content_type, "text/plain");
    EXPECT_EQ(request->cache_control, "");
    EXPECT_EQ(request->content_encoding, std::nullopt);
    EXPECT_EQ(request->if_none_match, "*");
    EXPECT_EQ(request->checksum_crc64nvme, "AA==");
    EXPECT_EQ(request->checksum_algorithm, "CRC32");
    EXPECT_EQ(request->storage_class, "STANDARD_IA");
    EXPECT_THAT(request->metadata, ElementsAre(Pair("name", "v\xc3\xa9,w")));
}

TEST(PutObjectRequest, RefusesValuesThatS3DoesNotKnow) {
    using Request = PutObjectRequest;
    EXPECT_EQ(code_of<Request>(with_headers({{"x-amz-storage-class", "COLD"}})),
              Code::invalid_storage_class);
    EXPECT_EQ(code_of<Request>(with_headers({{"x-amz-sdk-checksum-algorithm", "CRC"}})),
              Code::invalid_request);
    EXPECT_EQ(code_of<Request>(with_headers({{"Content-Length", "-1"}})), Code::invalid_argument);
    EXPECT_EQ(code_of<Request>(with_headers({{"Content-Length", "1 1"}})), Code::invalid_argument);
    EXPECT_EQ(code_of<Request>(with_headers({{"Content-Length", "9223372036854775808"}})),
              Code::invalid_argument);
    EXPECT_EQ(code_of<Request>(with_headers({{"x-amz-meta-a", std::string_view()}})),
              Code::internal_error);
    const std::string large(3000, 'm');
    EXPECT_EQ(code_of<Request>(with_headers({{"x-amz-meta-a", large}})), Code::metadata_too_large);
}

TEST(PutObjectRequest, NamesTheFunctionThatIsNotThere) {
    for (const NamedText header :
         {NamedText{"x-amz-acl", "public-read"}, NamedText{"x-amz-tagging", "a=b"},
          NamedText{"x-amz-server-side-encryption", "AES256"},
          NamedText{"x-amz-object-lock-mode", "GOVERNANCE"}, NamedText{"x-amz-grant-read", "id=1"},
          NamedText{"x-amz-write-offset-bytes", "0"}}) {
        const auto request = parse<PutObjectRequest>(with_headers({header}));
        ASSERT_FALSE(request.has_value()) << header.name;
        EXPECT_EQ(request.error().code(), Code::not_implemented);
        EXPECT_THAT(std::string(request.error().message()), HasSubstr(header.name));
    }
    EXPECT_EQ(code_of<PutObjectRequest>(with_headers({{"x-amz-tagging", ""}})),
              Code::internal_error);
}

TEST(GetObjectRequest, HasConditionsRangesAndOverrides) {
    RequestView view = with_query({{"versionId", "null"},
                                   {"partNumber", "7"},
                                   {"response-content-type", "a/b"},
                                   {"response-expires", "Thu, 01 Dec 1994 16:00:00 GMT"},
                                   {"x-id", "GetObject"}});
    view.headers = {{"Range", "bytes=0-1"},
                    {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"},
                    {"If-Unmodified-Since", "not a date"},
                    {"x-amz-checksum-mode", "enabled"}};
    const auto request = parse<GetObjectRequest>(view);
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->version_id, "null");
    EXPECT_EQ(request->part_number, 7);
    EXPECT_EQ(request->range, "bytes=0-1");
    EXPECT_EQ(request->if_modified_since, 784'111'777 * nanos_per_second);
    EXPECT_EQ(request->if_unmodified_since, std::nullopt);
    EXPECT_EQ(request->response_content_type, "a/b");
    EXPECT_EQ(request->response_expires, "Thu, 01 Dec 1994 16:00:00 GMT");
    EXPECT_EQ(request->checksum_mode, "ENABLED");
    EXPECT_EQ(code_of<GetObjectRequest>(with_query({{"response-content-type", "a\r\nb: c"}})),
              Code::invalid_argument);
    EXPECT_EQ(code_of<GetObjectRequest>(with_query({{"partNumber", "one"}})),
              Code::invalid_argument);
}

TEST(DeleteObjectRequest, RefusesADateThatIsNone) {
    EXPECT_EQ(code_of<DeleteObjectRequest>(
                  with_headers({{"x-amz-if-match-last-modified-time", "yesterday"}})),
              Code::invalid_argument);
}

TEST(GetObjectAttributesRequest, ReadsItsListFromOneHeaderOrFromSeveral) {
    const auto request = parse<GetObjectAttributesRequest>(
        with_headers({{"x-amz-object-attributes", "ETag, ObjectSize"},
                      {"X-Amz-Object-Attributes", "Checksum"},
                      {"x-amz-max-parts", "3"}}));
    ASSERT_TRUE(request.has_value());
    EXPECT_THAT(request->object_attributes, ElementsAre("ETag", "ObjectSize", "Checksum"));
    EXPECT_EQ(request->max_parts, 3);
    EXPECT_EQ(code_of<GetObjectAttributesRequest>(with_headers({})), Code::invalid_argument);
    EXPECT_EQ(
        code_of<GetObjectAttributesRequest>(with_headers({{"x-amz-object-attributes", "Weight"}})),
        Code::invalid_argument);
}

TEST(ListRequests, KnowTheirParameters) {
    const auto request = parse<ListObjectsV2Request>(with_query({{"list-type", "2"},
                                                                 {"prefix", "a/"},
                                                                 {"delimiter", ""},
                                                                 {"max-keys", "0"},
                                                                 {"encoding-type", "url"},
                                                                 {"fetch-owner", "True"}}));
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->prefix, "a/");
    EXPECT_EQ(request->delimiter, "");
    EXPECT_EQ(request->max_keys, 0);
    EXPECT_EQ(request->encoding_type, "url");
    EXPECT_EQ(request->fetch_owner, true);
    EXPECT_EQ(code_of<ListObjectsRequest>(with_query({{"max-keys", "blah"}})),
              Code::invalid_argument);
    EXPECT_EQ(code_of<ListObjectsRequest>(with_query({{"max-keys", "-1"}})),
              Code::invalid_argument);
    EXPECT_EQ(code_of<ListObjectsRequest>(with_query({{"max-keys", ""}})), Code::internal_error);
    EXPECT_EQ(code_of<ListObjectsRequest>(with_query({{"encoding-type", "base64"}})),
              Code::invalid_argument);
    EXPECT_EQ(code_of<ListBucketsRequest>(with_query({{"max-buckets", "0"}})),
              Code::invalid_argument);
}

TEST(UploadPartRequest, NeedsItsNumberAndItsUpload) {
    const auto request =
        parse<UploadPartRequest>(with_query({{"partNumber", "3"}, {"uploadId", "u"}}));
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->part_number, 3);
    EXPECT_EQ(request->upload_id, "u");
    EXPECT_EQ(code_of<UploadPartRequest>(with_query({{"partNumber", "3"}})),
              Code::invalid_argument);
    EXPECT_EQ(code_of<UploadPartRequest>(with_query({{"uploadId", "u"}})), Code::invalid_argument);
    EXPECT_EQ(code_of<UploadPartRequest>(with_query({{"partNumber", "x"}, {"uploadId", "u"}})),
              Code::invalid_argument);
}

constexpr std::string_view complete_body =
    "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    "<Part><PartNumber>1</PartNumber><ETag>\"a54357aff0632cce46d942af68356b38\"</ETag></Part>"
    "<Part><ETag>\"0c78aef83f66abc1fa1e8477f296d394\"</ETag><PartNumber>2</PartNumber>"
    "<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME><Unknown>1</Unknown></Part>"
    "</CompleteMultipartUpload>";

TEST(CompleteMultipartUploadRequest, ReadsTheExampleOfTheManual) {
    const auto request =
        parse<CompleteMultipartUploadRequest>(with_query({{"uploadId", "u"}}), complete_body);
    ASSERT_TRUE(request.has_value()) << request.error().message();
    const auto& parts = request->multipart_upload.parts;
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_EQ(parts[0].part_number, 1);
    EXPECT_EQ(parts[0].etag, "\"a54357aff0632cce46d942af68356b38\"");
    EXPECT_EQ(parts[1].part_number, 2);
    EXPECT_EQ(parts[1].checksum_crc64nvme, "AAAAAAAAAAA=");
    EXPECT_EQ(parts[1].checksum_crc32c, std::nullopt);
    std::string found;
    for_each_checksum(parts[1], [&](std::string_view algorithm, const auto& value) {
        if (value.has_value()) found.append(algorithm).append(*value);
    });
    EXPECT_EQ(found, "CRC64NVMEAAAAAAAAAAA=");
}

TEST(CompleteMultipartUploadRequest, TakesTenThousandPartsAndNotOneMore) {
    const auto with_parts = [](int count) {
        std::string body = "<CompleteMultipartUpload>";
        for (int i = 1; i <= count; ++i) {
            body += "<Part><ETag>e</ETag><PartNumber>" + std::to_string(i) + "</PartNumber>";
            body += "<ChecksumSHA256>s</ChecksumSHA256></Part>";
        }
        return body + "</CompleteMultipartUpload>";
    };
    const RequestView view = with_query({{"uploadId", "u"}});
    const auto request = parse<CompleteMultipartUploadRequest>(view, with_parts(10'000));
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->multipart_upload.parts.back().part_number, 10'000);
    EXPECT_EQ(code_of<CompleteMultipartUploadRequest>(view, with_parts(10'001)),
              Code::malformed_xml);
}

TEST(CompleteMultipartUploadRequest, RefusesBodiesThatLackSomething) {
    using Request = CompleteMultipartUploadRequest;
    const RequestView view = with_query({{"uploadId", "u"}});
    for (const std::string_view body :
         {"", "<CompleteMultipartUpload/>", "<Complete/>",
          "<CompleteMultipartUpload><Part><ETag>e</ETag></Part></CompleteMultipartUpload>",
          "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part>"
          "</CompleteMultipartUpload>",
          "<CompleteMultipartUpload><Part><ETag>e</ETag><PartNumber>x</PartNumber></Part>"
          "</CompleteMultipartUpload>"}) {
        EXPECT_EQ(code_of<Request>(view, body), Code::malformed_xml) << body;
    }
    EXPECT_EQ(code_of<Request>(with_query({}), complete_body), Code::invalid_argument);
}

TEST(CompleteMultipartUploadRequest, AnswersBrokenBodiesWithMalformedXml) {
    const std::uint64_t seed = random_u64();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const std::string_view pieces[] = {"<",         ">",       "/",     "&",
                                       "<![CDATA[", "]]>",     "<!--",  "<!DOCTYPE a>",
                                       "<Part>",    "</Part>", "&#x0;", "&#xFFFFFFFF;",
                                       "\xff",      "<?"};
    int refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string body(complete_body);
        for (std::uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
            const std::size_t at = random() % body.size();
            const std::size_t length = random() % 12;
            body.replace(at, length, pieces[random() % std::size(pieces)]);
        }
        const auto request =
            parse<CompleteMultipartUploadRequest>(with_query({{"uploadId", "u"}}), body);
        if (request.has_value()) {
            EXPECT_FALSE(request->multipart_upload.parts.empty()) << body;
            continue;
        }
        ++refused;
        EXPECT_EQ(request.error().code(), Code::malformed_xml) << body;
    }
    EXPECT_GT(refused, 1000);
}

TEST(DeleteObjectsRequest, ReadsKeysVersionsAndConditions) {
    const auto request = parse<DeleteObjectsRequest>(
        with_query({{"delete", ""}}),
        "<Delete><Quiet>true</Quiet><Object><Key>a &amp;&#x1;</Key><VersionId>v</VersionId>"
        "</Object><Object><Key> </Key><ETag>e</ETag>"
        "<LastModifiedTime>Sun, 06 Nov 1994 08:49:37 GMT</LastModifiedTime><Size>9</Size>"
        "</Object></Delete>");
    ASSERT_TRUE(request.has_value()) << request.error().message();
    EXPECT_EQ(request->deletion.quiet, true);
    ASSERT_EQ(request->deletion.objects.size(), 2u);
    EXPECT_EQ(request->deletion.objects[0].key, "a &\x01");
    EXPECT_EQ(request->deletion.objects[0].version_id, "v");
    EXPECT_EQ(request->deletion.objects[1].key, " ");
    EXPECT_EQ(request->deletion.objects[1].last_modified_time, 784'111'777 * nanos_per_second);
    EXPECT_EQ(request->deletion.objects[1].size, 9);
}

TEST(DeleteObjectsRequest, RefusesNoneAndMoreThanAThousand) {
    std::string body = "<Delete>";
    for (int i = 0; i < 1001; ++i) body += "<Object><Key>k</Key></Object>";
    EXPECT_EQ(code_of<DeleteObjectsRequest>(with_query({}), body + "</Delete>"),
              Code::malformed_xml);
    EXPECT_EQ(code_of<DeleteObjectsRequest>(with_query({}), "<Delete></Delete>"),
              Code::malformed_xml);
    EXPECT_EQ(code_of<DeleteObjectsRequest>(with_query({}),
                                            "<Delete><Object><VersionId>1</VersionId></Object>"
                                            "</Delete>"),
              Code::malformed_xml);
}

TEST(BucketRequests, ReadTheirConfigurations) {
    const RequestView view{.bucket = "b"};
    const auto create = parse<CreateBucketRequest>(
        view,
        "<CreateBucketConfiguration><LocationConstraint>moon-1</LocationConstraint>"
        "</CreateBucketConfiguration>");
    ASSERT_TRUE(create.has_value());
    EXPECT_EQ(create->create_bucket_configuration->location_constraint, "moon-1");
    EXPECT_FALSE(parse<CreateBucketRequest>(view)->create_bucket_configuration.has_value());
    EXPECT_EQ(code_of<CreateBucketRequest>(
                  view,
                  "<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket>"
                  "</CreateBucketConfiguration>"),
              Code::not_implemented);

    const auto versioning = parse<PutBucketVersioningRequest>(
        view, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    ASSERT_TRUE(versioning.has_value());
    EXPECT_EQ(versioning->versioning_configuration.status, "Enabled");
    EXPECT_EQ(code_of<PutBucketVersioningRequest>(
                  view, "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>"),
              Code::malformed_xml);
    EXPECT_EQ(code_of<PutBucketVersioningRequest>(
                  view,
                  "<VersioningConfiguration><MfaDelete>Enabled</MfaDelete>"
                  "</VersioningConfiguration>"),
              Code::not_implemented);
    EXPECT_EQ(code_of<PutBucketVersioningRequest>(view, ""), Code::malformed_xml);
}

}  // namespace
}  // namespace weir::s3
