#include "client/endpoint.h"

#include <gtest/gtest.h>

#include "client/temporary_files.h"

namespace weir::client {
namespace {

TEST(Endpoint, IsReadFromItsUrl) {
    const auto show = [](std::string_view url) -> std::string {
        const Result<Endpoint> endpoint = parse_endpoint(url);
        if (!endpoint) return std::string(info(endpoint.error().code()).name);
        return endpoint->url() + (endpoint->addressing == Addressing::path ? " path" : " virtual");
    };
    EXPECT_EQ(show("http://localhost:9000"), "http://localhost:9000 path");
    EXPECT_EQ(show("http://localhost:80/"), "http://localhost path");
    EXPECT_EQ(show("https://s3.example.com"), "https://s3.example.com path");
    EXPECT_EQ(show("https://[::1]:9000"), "https://[::1]:9000 path");
    EXPECT_EQ(show("https://s3.eu-west-1.amazonaws.com"),
              "https://s3.eu-west-1.amazonaws.com virtual");
    for (const std::string_view bad :
         {"localhost:9000", "ftp://a", "http://", "http://a:b", "http://a:0", "http://a:70000",
          "http://a/b", "http://u@a", "http://a?b", "http://[::1", "http://a b", "http://a\r\nb"})
        EXPECT_EQ(show(bad), "invalid_argument") << bad;
}

TEST(Endpoint, PutsTheBucketIntoTheHostWhereItFits) {
    const Endpoint aws = parse_endpoint("https://s3.us-east-1.amazonaws.com").value();
    EXPECT_EQ(aws.host_header("bucket"), "bucket.s3.us-east-1.amazonaws.com");
    EXPECT_EQ(aws.host_header("with.dots"), "s3.us-east-1.amazonaws.com") << "no certificate";
    EXPECT_EQ(aws.host_header("Upper"), "s3.us-east-1.amazonaws.com");
    EXPECT_EQ(aws.host_header(""), "s3.us-east-1.amazonaws.com");
    const Endpoint own = parse_endpoint("http://[::1]:9000").value();
    EXPECT_EQ(own.host_header("bucket"), "[::1]:9000");
    EXPECT_EQ(own.connect_host("bucket"), "::1");
}

TEST(Endpoint, IsTakenFromTheFirstThatNamesOne) {
    const test::TemporaryFolder folder;
    Environment environment = folder.environment();
    const auto resolved = [&](const EndpointOptions& options = {}) {
        const Result<Endpoint> endpoint = resolve_endpoint(environment, options);
        return endpoint ? endpoint->url() + " " + endpoint->region
                        : std::string(endpoint.error().message());
    };
    EXPECT_EQ(resolved(), "https://s3.us-east-1.amazonaws.com us-east-1");
    folder.write("env", "AWS_ENDPOINT_URL=http://system\nAWS_REGION=system-1\n");
    EXPECT_EQ(resolved(), "http://system system-1");
    folder.write(".aws/config",
                 "[default]\nregion = eu-west-1\nendpoint_url = http://profile\nca_bundle = /ca\n"
                 "[profile other]\nservices = mine\nendpoint_url = http://profile-2\n"
                 "[services mine]\ns3 =\n  endpoint_url = http://service\n");
    EXPECT_EQ(resolved(), "http://profile eu-west-1");
    EXPECT_EQ(resolve_endpoint(environment)->ca_file, "/ca");
    EXPECT_EQ(resolved({.profile = "other"}), "http://service system-1");
    environment.variables["AWS_PROFILE"] = "other";
    EXPECT_EQ(resolved(), "http://service system-1");
    environment.variables["AWS_ENDPOINT_URL"] = "http://variable";
    EXPECT_EQ(resolved(), "http://variable system-1");
    environment.variables["AWS_ENDPOINT_URL_S3"] = "http://variable-s3";
    environment.variables["AWS_REGION"] = "eu-north-1";
    EXPECT_EQ(resolved(), "http://variable-s3 eu-north-1");
    EXPECT_EQ(resolved({.url = "http://flag", .region = "r"}), "http://flag r");
    environment.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
    EXPECT_EQ(resolved(), "https://s3.eu-north-1.amazonaws.com eu-north-1");
    environment.variables["AWS_REGION"] = "cn-north-1";
    EXPECT_EQ(resolved(), "https://s3.cn-north-1.amazonaws.com.cn cn-north-1");
    folder.write(".aws/config", "region = x\n");
    EXPECT_NE(resolved().find(".aws/config, line 1: "), std::string::npos) << resolved();
}

}  // namespace
}  // namespace weir::client
