#pragma once
// Signature Version 2, which boto3 still makes for presigned URLs, and its header form:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
//
//     TRY(const SignatureV2 signature, parse_signature_v2(request));
//     TRY_VOID(verify_v2(request, signature, secret_of(signature.access_key_id), clock.now()));
//
// It vouches for method, path, sub-resources, x-amz-* headers, Content-MD5 and Content-Type; not
// for the body. Pure functions; safe from any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "s3/proto/signed_request.h"

namespace weir::s3 {

struct SignatureV2 {
    bool in_query = false;
    std::string access_key_id;
    std::string signature;       // base64
    std::int64_t expires_s = 0;  // query only: seconds since the epoch
};

// The request must be of kind v2_header or v2_query.
Result<SignatureV2> parse_signature_v2(const SignedRequest& request);

Result<void> verify_v2(const SignedRequest& request, const SignatureV2& signature,
                       std::string_view secret, UnixNanos now);

// For tests and for whoever debugs a client. `path` is as it is signed, the bucket included.
std::string string_to_sign_v2(const SignedRequest& request, const SignatureV2& signature,
                              std::string_view path);

}  // namespace weir::s3
