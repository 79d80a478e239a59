#pragma once
// What a client says its body is: Content-MD5, x-amz-content-sha256 and the x-amz-checksum-*
// family, as headers or as trailers; and whether the body that arrived is that one.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
//
// For requests whose body is what the checksums speak of: PutObject, UploadPart, XML bodies. (In
// CompleteMultipartUpload they speak of the object.) Pure functions; safe from any thread.

#include <optional>
#include <string>

#include "base/result.h"
#include "hash/algorithm.h"
#include "hash/digester.h"
#include "s3/proto/chunked.h"
#include "s3/proto/request_view.h"

namespace weir::s3 {

struct BodyChecks {
    hash::AlgorithmSet algorithms;  // what a Digester must compute for verify_body

    // The one checksum that the client chose, which is stored with the object.
    std::optional<hash::Algorithm> checksum;
    bool checksum_in_trailer = false;

    // Raw digests that are known before the body.
    std::optional<std::string> expected_checksum;
    std::optional<std::string> expected_md5;
    std::optional<std::string> expected_sha256;
};

// `payload_sha256` is SignatureV4::payload_sha256, empty where the signature has none;
// `has_trailer` is whether the body is aws-chunked with a trailer. invalid_digest for Content-MD5,
// invalid_request for the others.
Result<BodyChecks> parse_body_checks(const RequestView& view, std::string_view payload_sha256,
                                     bool has_trailer);

// `digests` holds at least BodyChecks::algorithms. bad_digest, checksum_mismatch,
// content_sha256_mismatch; invalid_request where the trailer is missing or is no such checksum.
Result<void> verify_body(const BodyChecks& checks, const hash::Digests& digests,
                         const Trailers& trailers);

}  // namespace weir::s3
