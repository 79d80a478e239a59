#include "s3/proto/sign.h"

#include <gtest/gtest.h>

#include "s3/proto/signature_examples.h"

namespace weir::s3 {
namespace {

// What a client would sign of an example: everything but its signature.
class Resigned {
  public:
    explicit Resigned(const ReceivedRequest& received) : request_(received.signed_request()) {
        view_ = received.view();
        std::erase_if(view_.headers, [](const NamedText& header) {
            return equal_ignoring_case(header.name, "authorization");
        });
    }
    std::string authorization(std::string_view id, std::string_view region,
                              std::string_view timestamp, std::string_view secret) const {
        const SignedRequest request{.view = view_, .path = request_.path};
        return authorization_v4(request, id, region, timestamp,
                                derive_signing_key(secret, timestamp.substr(0, 8), region));
    }

  private:
    SignedRequest request_;
    RequestView view_;
};

TEST(Sign, GivesWhatBotocoreGives) {
    int signed_count = 0;
    for (const SentRequest& sent : botocore_requests()) {
        if (sent.kind != SignatureKind::v4_header) continue;
        const ReceivedRequest received(sent);
        EXPECT_EQ(Resigned(received).authorization(example_access_key_id, "auto",
                                                   "20261123T120000Z", example_secret),
                  received.view().header("authorization"))
            << sent.name;
        ++signed_count;
    }
    EXPECT_GE(signed_count, 8);
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
TEST(Sign, GivesWhatAwsPublished) {
    const std::string empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ReceivedRequest received({.name = "aws",
                                    .kind = SignatureKind::v4_header,
                                    .method = "GET",
                                    .target = "/test.txt",
                                    .headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                                                {"Range", "bytes=0-9"},
                                                {"x-amz-content-sha256", empty},
                                                {"x-amz-date", "20130524T000000Z"},
                                                {"User-Agent", "not signed"}}});
    EXPECT_EQ(
        Resigned(received).authorization("AKIAIOSFODNN7EXAMPLE", "us-east-1", "20130524T000000Z",
                                         "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

}  // namespace
}  // namespace weir::s3
