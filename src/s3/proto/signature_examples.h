#pragma once
// Requests as clients signed them, for the tests of signatures, and what turns one into a
// SignedRequest.

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "s3/proto/model_time.h"
#include "s3/proto/signed_request.h"
#include "s3/proto/uri.h"

namespace weir::s3 {

struct SentRequest {
    std::string name;
    SignatureKind kind;
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
};

// Owns what a SignedRequest looks at.
class ReceivedRequest {
  public:
    explicit ReceivedRequest(SentRequest sent) : sent_(std::move(sent)) {
        target_ = parse_target(sent_.target).value();
        view_.method = sent_.method;
        for (const auto& [name, value] : target_.query) view_.query.push_back({name, value});
        for (const auto& [name, value] : sent_.headers) view_.headers.push_back({name, value});
        view_.host = view_.header("host").value_or("");
        const std::vector<std::string> domains{"s3.example.com"};
        place_ = find_place(target_.path, view_.host, domains);
        view_.bucket = place_.bucket;
        view_.key = place_.key;
    }
    ReceivedRequest(const ReceivedRequest&) = delete;

    const RequestView& view() const { return view_; }
    SignedRequest signed_request() const {
        return {.view = view_,
                .path = target_.path,
                .raw_path = target_.raw_path,
                .bucket_in_host = place_.bucket_in_host};
    }

  private:
    const SentRequest sent_;
    Target target_;
    Place place_;
    RequestView view_;
};

inline const std::string example_access_key_id = "tid_example";
inline const std::string example_secret = "tsec_example/secret+key";
inline const UnixNanos example_time = parse_date("2026-11-23T12:00:00Z").value();

// By botocore 1.44.5 with region `auto`, at example_time, presigned ones for 600 s.
inline std::vector<SentRequest> botocore_requests() {
    // clang-format off
    return {
    {"put", SignatureKind::v4_header, "PUT", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors",
     {{"Host", "localhost:9000"}, {"x-amz-meta-Owner", "a  b"}, {"Content-Type", "application/x-weights"}, {"Expect", "100-continue"}, {"x-amz-checksum-crc32", "GtJzWA=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=content-type;host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-meta-owner;x-amz-sdk-checksum-algorithm, Signature=ddf1278fabf85db4c2e52c388920c54985eb41607ac1893f39fd93491788bc41"}, {"Content-Length", "7"}}},
    {"get a range", SignatureKind::v4_header, "GET", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors",
     {{"Host", "localhost:9000"}, {"Range", "bytes=0-9"}, {"If-Match", "\"abc\""}, {"x-amz-checksum-mode", "ENABLED"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=host;if-match;range;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date, Signature=15b5eb9b8348555375cd73aac5f2069fc75fb5cdfe5002f1bba24f8dc2c4d9fc"}}},
    {"list", SignatureKind::v4_header, "GET", "/my-models?list-type=2&prefix=a%20b%2F%2B%26%3D~%C3%A9&delimiter=%2F&max-keys=7&encoding-type=url",
     {{"Host", "localhost:9000"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=0abdf92dc01f79564dab38cfe3a02df1947b27d3801ecbddf565a04ad0087add"}}},
    {"list buckets", SignatureKind::v4_header, "GET", "/",
     {{"Host", "localhost:9000"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=9ae3199c7b8065840c33c34544a4a8e509fac541d7b9b19795c5fb89b6293e16"}}},
    {"create upload", SignatureKind::v4_header, "POST", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors?uploads",
     {{"Host", "localhost:9000"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=5c7408923a8e682ae45cc8bca99be1d2729c451b0a1b7b5646277ee65ec1aeb2"}, {"Content-Length", "0"}}},
    {"upload part", SignatureKind::v4_header, "PUT", "/my-models/k?partNumber=3&uploadId=u-1",
     {{"Host", "localhost:9000"}, {"Expect", "100-continue"}, {"x-amz-checksum-crc32", "jNwWgw=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-sdk-checksum-algorithm, Signature=7ac32a4cb69d152ef4f72915fa654eac3ba974809350960ff9b77e6707c9c22b"}, {"Content-Length", "1"}}},
    {"delete many", SignatureKind::v4_header, "POST", "/my-models?delete",
     {{"Host", "localhost:9000"}, {"x-amz-checksum-crc32", "CEaAGw=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "0ebe2d4e061df349be597c8e7da1bea023a159bae0fb2a70efca7c1395be1439"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-sdk-checksum-algorithm, Signature=5097c8aaa776cfed3a8d03ef5167e9b323459c184dc6a11cbf247fac466e5d3a"}, {"Content-Length", "94"}}},
    {"virtual host", SignatureKind::v4_header, "PUT", "/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors",
     {{"Host", "my-models.s3.example.com"}, {"Expect", "100-continue"}, {"x-amz-checksum-crc32", "jNwWgw=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-sdk-checksum-algorithm, Signature=a66b03f6ee57096a5f4f853623f2a02165117fccb192a65b31191d8af58a5a52"}, {"Content-Length", "1"}}},
    {"https trailer", SignatureKind::v4_header, "PUT", "/my-models/k",
     {{"Host", "localhost:9000"}, {"Expect", "100-continue"}, {"Transfer-Encoding", "chunked"}, {"Content-Encoding", "aws-chunked"}, {"X-Amz-Trailer", "x-amz-checksum-crc32"}, {"X-Amz-Decoded-Content-Length", "7"}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"X-Amz-Date", "20261123T120000Z"}, {"X-Amz-Content-SHA256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, {"Authorization", "AWS4-HMAC-SHA256 Credential=tid_example/20261123/auto/s3/aws4_request, SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-sdk-checksum-algorithm;x-amz-trailer, Signature=4184e513b927dd3527b1fe65ea808afbaf413f9d0ea21cac74c7c29e9c32a224"}}},
    {"put", SignatureKind::v2_header, "PUT", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors",
     {{"Host", "localhost:9000"}, {"x-amz-meta-Owner", "a  b"}, {"Content-Type", "application/x-weights"}, {"Expect", "100-continue"}, {"x-amz-checksum-crc32", "GtJzWA=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:i//i6rlpAUYv1qC6oFxyEA6ByFo="}, {"Content-Length", "7"}}},
    {"get a range", SignatureKind::v2_header, "GET", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors",
     {{"Host", "localhost:9000"}, {"Range", "bytes=0-9"}, {"If-Match", "\"abc\""}, {"x-amz-checksum-mode", "ENABLED"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:dcXu90MDhZbINFpeom1OaE2keAo="}}},
    {"list", SignatureKind::v2_header, "GET", "/my-models?list-type=2&prefix=a%20b%2F%2B%26%3D~%C3%A9&delimiter=%2F&max-keys=7&encoding-type=url",
     {{"Host", "localhost:9000"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:HldAinp3n1HsQ5N44qD2Eg8VHuU="}}},
    {"list buckets", SignatureKind::v2_header, "GET", "/",
     {{"Host", "localhost:9000"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:ERpjBI5GSzramfrRihPE/tOhLq8="}}},
    {"create upload", SignatureKind::v2_header, "POST", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors?uploads",
     {{"Host", "localhost:9000"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:3Cg4pYGQeGkjFjyAZhrI38hJqGE="}, {"Content-Length", "0"}}},
    {"upload part", SignatureKind::v2_header, "PUT", "/my-models/k?partNumber=3&uploadId=u-1",
     {{"Host", "localhost:9000"}, {"Expect", "100-continue"}, {"x-amz-checksum-crc32", "jNwWgw=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:F12VpP4qqyxz6dzPIkMi5SsTvb4="}, {"Content-Length", "1"}}},
    {"delete many", SignatureKind::v2_header, "POST", "/my-models?delete",
     {{"Host", "localhost:9000"}, {"x-amz-checksum-crc32", "CEaAGw=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:PyhWJAvSJ8FIbT5khcm5/+HvJo4="}, {"Content-Length", "94"}}},
    {"virtual host", SignatureKind::v2_header, "PUT", "/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors",
     {{"Host", "my-models.s3.example.com"}, {"Expect", "100-continue"}, {"x-amz-checksum-crc32", "jNwWgw=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:QgzXbIYgRefRt+4x/scHYNoOMX0="}, {"Content-Length", "1"}}},
    {"https trailer", SignatureKind::v2_header, "PUT", "/my-models/k",
     {{"Host", "localhost:9000"}, {"Expect", "100-continue"}, {"x-amz-checksum-crc32", "GtJzWA=="}, {"x-amz-sdk-checksum-algorithm", "CRC32"}, {"Date", "Mon, 23 Nov 2026 12:00:00 GMT"}, {"Authorization", "AWS tid_example:7yzM7URYbYvwzfoXBipHHBFoye0="}, {"Content-Length", "7"}}},
    {"presigned get", SignatureKind::v4_query, "GET", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=tid_example%2F20261123%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20261123T120000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=ba87754ffc860e40e3a11f5a8a5c0f37a60a0bb992476d411d740a2602fff96d",
     {{"Host", "localhost:9000"}}},
    {"presigned get with overrides", SignatureKind::v4_query, "GET", "/my-models/a%20b?versionId=v%201&response-content-type=text%2Fplain%3B%20x%3D1&response-content-disposition=attachment%3B%20filename%3D%22a%20b%2Bc.txt%22&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=tid_example%2F20261123%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20261123T120000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=cea8089bbe44ad9646e3a9783aa13e39d697fa58cb738a8a4482edbd3dffda83",
     {{"Host", "localhost:9000"}}},
    {"presigned list", SignatureKind::v4_query, "GET", "/my-models?list-type=2&prefix=a%2Fb%20c&encoding-type=url&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=tid_example%2F20261123%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20261123T120000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=913227002051d2f10e6aceed27ba62612f6a3d76bb8b6cb1ac8260755f6ffc77",
     {{"Host", "localhost:9000"}}},
    {"presigned part", SignatureKind::v4_query, "PUT", "/my-models/k?partNumber=2&uploadId=u%2F1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=tid_example%2F20261123%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20261123T120000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=cff7c51c280a3e87a8903ade1638c19f4d284e38d5b97f14385e0acdea141941",
     {{"Host", "localhost:9000"}}},
    {"presigned virtual host", SignatureKind::v4_query, "GET", "/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=tid_example%2F20261123%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20261123T120000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=08caa8c35e8c8ba77bd2ce8570a87945e040de9e0940f84f6889faf38a779218",
     {{"Host", "my-models.s3.example.com"}}},
    {"presigned put", SignatureKind::v4_query, "PUT", "/my-models/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=tid_example%2F20261123%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20261123T120000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=f9abb37461dc8196f4163c0f49142865e2e08fa5cc4468b4d36d52d9cebda5a8",
     {{"Host", "localhost:9000"}}},
    {"presigned get", SignatureKind::v2_query, "GET", "/my-models/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors?AWSAccessKeyId=tid_example&Signature=Ma8VeqsySOFY0gO7iAL3HuW7Dbk%3D&Expires=1795435800",
     {{"Host", "localhost:9000"}}},
    {"presigned get with overrides", SignatureKind::v2_query, "GET", "/my-models/a%20b?versionId=v%201&response-content-type=text%2Fplain%3B%20x%3D1&response-content-disposition=attachment%3B%20filename%3D%22a%20b%2Bc.txt%22&AWSAccessKeyId=tid_example&Signature=2UQ%2B39%2FP5ZRL9h4mDbnutpg8%2FtQ%3D&Expires=1795435800",
     {{"Host", "localhost:9000"}}},
    {"presigned list", SignatureKind::v2_query, "GET", "/my-models?list-type=2&prefix=a%2Fb%20c&encoding-type=url&AWSAccessKeyId=tid_example&Signature=yJdPYVjhILAwV7886rbhtPrQ6vM%3D&Expires=1795435800",
     {{"Host", "localhost:9000"}}},
    {"presigned part", SignatureKind::v2_query, "PUT", "/my-models/k?partNumber=2&uploadId=u%2F1&AWSAccessKeyId=tid_example&Signature=tjJTlwoqNx2NJPP69D%2BQIHFGqpA%3D&Expires=1795435800",
     {{"Host", "localhost:9000"}}},
    {"presigned virtual host", SignatureKind::v2_query, "GET", "/models/llama%203%2B%C3%A9~%281%29/%252F//../%F0%9F%A6%99.safetensors?AWSAccessKeyId=tid_example&Signature=Ma8VeqsySOFY0gO7iAL3HuW7Dbk%3D&Expires=1795435800",
     {{"Host", "my-models.s3.example.com"}}},
    {"presigned put", SignatureKind::v2_query, "PUT", "/my-models/k?AWSAccessKeyId=tid_example&Signature=5%2FbHC7%2BHLi20Nm7AHyycv5By9%2FY%3D&Expires=1795435800",
     {{"Host", "localhost:9000"}}},
    {"presigned put with its headers in the query", SignatureKind::v2_query, "PUT", "/my-models/k?AWSAccessKeyId=tid_example&Signature=J8cghlCUXGkGjdGv8pbLXyH4RVw%3D&content-type=text%2Fplain&x-amz-meta-a=b%20c&Expires=1795435800",
     {{"Host", "localhost:9000"}}},
    };
    // clang-format on
}

}  // namespace weir::s3
