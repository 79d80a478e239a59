#pragma once
// After a write whose first reply was lost and whose second was a refusal: was it the first that
// stands in the way? Private to client.

#include <optional>
#include <string>

#include "base/result.h"
#include "client/s3_client.h"

namespace weir::client {

// What was sent, as far as it is known.
struct Sent {
    std::optional<std::uint64_t> bytes = {};
    std::optional<std::uint64_t> crc64nvme = {};
    std::string etag = {};
    const Source* source = nullptr;  // for its MD5, if nothing else tells
};

// The object, if it is what was sent; else `refusal`.
Result<ObjectInfo> found_as_sent(S3Client& client, const std::string& bucket,
                                 const std::string& key, const Sent& sent, const Error& refusal,
                                 const Call& call);

// The ETag of an object of these parts.
std::string multipart_etag(const std::vector<UploadedPart>& parts);

}  // namespace weir::client
