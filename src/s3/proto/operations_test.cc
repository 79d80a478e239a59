#include "s3/proto/operations.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "s3/proto/error_reply.h"

namespace weir::s3 {
namespace {

struct Asked {
    std::string_view method;
    std::string_view bucket;
    std::string_view key;
    std::vector<NamedText> query;
    std::vector<NamedText> headers = {};
};

Result<Operation> route_of(const Asked& asked) {
    return route({.method = asked.method,
                  .bucket = asked.bucket,
                  .key = asked.key,
                  .query = asked.query,
                  .headers = asked.headers});
}

std::string routed(const Asked& asked) {
    const auto operation = route_of(asked);
    return operation.has_value() ? std::string(operation_info(*operation).name)
                                 : std::string(info(operation.error().code()).name);
}

TEST(Routing, FindsWhatClientsSend) {
    const NamedText copy{"X-Amz-Copy-Source", "/b/k"};
    EXPECT_EQ(routed({"GET", "", "", {}}), "ListBuckets");
    EXPECT_EQ(routed({"GET", "b", "", {}}), "ListObjects");
    EXPECT_EQ(routed({"GET", "b", "", {{"prefix", "x"}, {"list-type", "2"}}}), "ListObjectsV2");
    EXPECT_EQ(routed({"GET", "b", "", {{"list-type", "1"}}}), "ListObjects");
    EXPECT_EQ(routed({"GET", "b", "", {{"versions", ""}, {"prefix", "x"}}}), "ListObjectVersions");
    EXPECT_EQ(routed({"GET", "b", "", {{"location", ""}}}), "GetBucketLocation");
    EXPECT_EQ(routed({"PUT", "b", "", {{"versioning", ""}}}), "PutBucketVersioning");
    EXPECT_EQ(routed({"POST", "b", "", {{"delete", ""}}}), "DeleteObjects");
    EXPECT_EQ(routed({"GET", "b", "k", {{"versionId", "1"}, {"partNumber", "2"}}}), "GetObject");
    EXPECT_EQ(routed({"HEAD", "b", "k", {}}), "HeadObject");
    EXPECT_EQ(routed({"PUT", "b", "k", {}}), "PutObject");
    EXPECT_EQ(routed({"PUT", "b", "k", {}, {copy}}), "CopyObject");
    EXPECT_EQ(routed({"PUT", "b", "k", {{"renameObject", ""}}}), "RenameObject");
    EXPECT_EQ(routed({"POST", "b", "k", {{"uploads", ""}}}), "CreateMultipartUpload");
    EXPECT_EQ(routed({"PUT", "b", "k", {{"partNumber", "1"}, {"uploadId", "u"}}}), "UploadPart");
    EXPECT_EQ(routed({"PUT", "b", "k", {{"partNumber", "1"}, {"uploadId", "u"}}, {copy}}),
              "UploadPartCopy");
    EXPECT_EQ(routed({"POST", "b", "k", {{"uploadId", "u"}}}), "CompleteMultipartUpload");
    EXPECT_EQ(routed({"DELETE", "b", "k", {{"uploadId", "u"}}}), "AbortMultipartUpload");
    EXPECT_EQ(routed({"GET", "b", "k", {{"uploadId", "u"}}}), "ListParts");
    EXPECT_EQ(routed({"GET", "b", "", {{"analytics", ""}}}), "ListBucketAnalyticsConfigurations");
    EXPECT_EQ(routed({"GET", "b", "", {{"analytics", ""}, {"id", "1"}}}),
              "GetBucketAnalyticsConfiguration");
    EXPECT_EQ(routed({"POST", "b", "k", {{"select", ""}, {"select-type", "2"}}}),
              "SelectObjectContent");
}

TEST(Routing, IgnoresParametersThatNameNoSubResource) {
    EXPECT_EQ(routed({"GET", "b", "k", {{"x-id", "GetObject"}, {"utm", "1"}}}), "GetObject");
    EXPECT_EQ(routed({"PUT", "b", "k", {{"x-id", "PutObject"}, {"X-Amz-Signature", "0"}}}),
              "PutObject");
    // A bucket's sub-resource says nothing about reading an object.
    EXPECT_EQ(routed({"GET", "b", "k", {{"session", "1"}}}), "GetObject");
}

TEST(Routing, NeverTakesAnUnknownUseOfASubResourceForTheObjectOrTheBucket) {
    EXPECT_EQ(routed({"DELETE", "b", "", {{"versioning", ""}}}), "method_not_allowed");
    EXPECT_EQ(routed({"DELETE", "b", "", {{"acl", ""}}}), "method_not_allowed");
    EXPECT_EQ(routed({"DELETE", "b", "k", {{"acl", ""}}}), "method_not_allowed");
    EXPECT_EQ(routed({"DELETE", "b", "k", {{"lifecycle", ""}}}), "method_not_allowed");
    EXPECT_EQ(routed({"PUT", "b", "k", {{"attributes", ""}}}), "method_not_allowed");
    EXPECT_EQ(routed({"GET", "b", "k", {{"restore", ""}}}), "method_not_allowed");
    // An upload's part whose number was lost must not become the object.
    EXPECT_EQ(routed({"PUT", "b", "k", {{"uploadId", "u"}}}), "UploadPart");
    EXPECT_EQ(routed({"PUT", "b", "k", {{"partNumber", "1"}}}), "UploadPart");
    // Nor may an upload's end whose key was lost be the bucket's, nor a part make a bucket.
    EXPECT_EQ(routed({"DELETE", "b", "", {{"uploadId", "u"}}}), "method_not_allowed");
    EXPECT_EQ(routed({"PUT", "b", "", {{"uploadId", "u"}, {"partNumber", "1"}}}),
              "method_not_allowed");
    EXPECT_EQ(routed({"GET", "b", "", {{"uploadId", "u"}}}), "ListObjects");
}

TEST(Routing, KnowsTheJournal) {
    EXPECT_EQ(routed({"GET", "", "", {{"weir-journal", ""}, {"bucket", "b"}}}), "FollowJournal");
    EXPECT_EQ(routed({"DELETE", "", "", {{"weir-journal", ""}}}), "method_not_allowed");
    EXPECT_EQ(routed({"GET", "b", "", {{"weir-journal", ""}}}), "ListObjects");
    EXPECT_EQ(routed({"GET", "b", "k", {{"weir-journal", ""}}}), "GetObject");
}

TEST(Routing, RefusesMethodsAndFormUploads) {
    EXPECT_EQ(routed({"PATCH", "b", "k", {}}), "method_not_allowed");
    EXPECT_EQ(routed({"DELETE", "", "", {}}), "method_not_allowed");
    EXPECT_EQ(routed({"GET", "", "k", {}}), "invalid_bucket_name");
    EXPECT_EQ(routed({"POST", "b", "", {}}), "not_implemented");
}

struct Example {
    Operation operation;
    std::string_view method;
    std::string_view bucket;
    std::string_view key;
    std::vector<NamedText> query;
    std::vector<NamedText> headers;
};

std::vector<Example> examples() {
    return {
#include "s3/proto/model_examples.inc"
    };
}

TEST(Routing, SendsThePlainestRequestOfEveryOperationToThatOperation) {
    const std::vector<Example> all = examples();
    ASSERT_EQ(all.size() + 1, all_operations().size()) << "one is not of the model";
    for (Example example : all) {
        const std::string_view name = operation_info(example.operation).name;
        const auto plain =
            routed({example.method, example.bucket, example.key, example.query, example.headers});
        // The model has two names for five requests; without x-id they are the one in use.
        const bool has_twin = name == "GetBucketLifecycle" || name == "PutBucketLifecycle" ||
                              name == "GetBucketNotification" || name == "PutBucketNotification" ||
                              name == "ListDirectoryBuckets";
        EXPECT_EQ(plain == name, !has_twin) << name << " " << plain;
        example.query.push_back({"x-id", name});
        EXPECT_EQ(
            routed({example.method, example.bucket, example.key, example.query, example.headers}),
            name);
    }
}

TEST(Operations, AreAllOfTheModelAndOneOfOursWithTheServedOnesMarked) {
    EXPECT_EQ(all_operations().size(), 117u);
    std::size_t served = 0;
    for (const OperationInfo& operation : all_operations()) {
        EXPECT_EQ(&operation_info(operation.operation), &operation);
        served += operation.implemented ? 1 : 0;
    }
    EXPECT_EQ(served, 26u);
    EXPECT_TRUE(operation_info(Operation::RenameObject).implemented);
    EXPECT_FALSE(operation_info(Operation::PutBucketPolicy).implemented);
    EXPECT_EQ(not_implemented(Operation::PutBucketPolicy).message(),
              "PutBucketPolicy is not implemented.");
}

}  // namespace
}  // namespace weir::s3
