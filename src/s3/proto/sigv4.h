#pragma once
// Signature Version 4, in the Authorization header and in the query of presigned URLs:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
//
//     TRY(const SignatureV4 signature, parse_signature_v4(request));
//     secret = ... of signature.access_key_id, which invalid_access_key_id if there is none;
//     key = derive_signing_key(secret, signature.date, signature.region);   // may be cached
//     TRY_VOID(verify_v4(request, signature, key, clock.now()));
//
// The body is not looked at: SignatureV4::payload says how it is vouched for (chunked.h,
// checksum_headers.h). Pure functions; safe from any thread. Errors are those of AWS, each with the
// sentence that AWS uses.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "s3/proto/signed_request.h"

namespace weir::s3 {

// What x-amz-content-sha256 says of the body.
enum class PayloadKind {
    unsigned_payload,
    sha256,                   // of the whole body
    signed_chunks,            // aws-chunked, each chunk signed
    signed_chunks_trailer,    // the same, and a signed trailer
    unsigned_chunks_trailer,  // aws-chunked, nothing signed, a trailer
};

struct SignatureV4 {
    bool in_query = false;
    std::string access_key_id;
    std::string date;  // of the scope: "20130524"
    std::string region;
    std::vector<std::string> signed_headers;  // lower case, in the order of the request
    std::string signature;                    // 64 digits
    std::string timestamp;                    // "20130524T000000Z"
    UnixNanos time = 0;
    std::int64_t expires_s = 0;  // query only
    PayloadKind payload = PayloadKind::unsigned_payload;
    std::string payload_sha256;  // PayloadKind::sha256 only: 64 lower-case digits

    std::string scope() const;  // "20130524/us-east-1/s3/aws4_request"
};

struct SigningKey {
    std::string bytes;  // a secret: never logged
};
SigningKey derive_signing_key(std::string_view secret, std::string_view date,
                              std::string_view region);

// The request must be of kind v4_header or v4_query.
Result<SignatureV4> parse_signature_v4(const SignedRequest& request);

// Whether it is in time, whether everything that must be signed is, whether the signature is right.
Result<void> verify_v4(const SignedRequest& request, const SignatureV4& signature,
                       const SigningKey& key, UnixNanos now);

// The steps of verify_v4, for its tests and for whoever debugs a client. `path` is as it is signed.
std::string canonical_request_v4(const SignedRequest& request, const SignatureV4& signature,
                                 std::string_view path);
std::string string_to_sign_v4(const SignatureV4& signature, std::string_view canonical_request);

}  // namespace weir::s3
