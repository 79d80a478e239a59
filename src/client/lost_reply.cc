#include "client/lost_reply.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "client/wait_for_buffer.h"
#include "hash/digester.h"

namespace weir::client {
namespace {

Result<std::string> md5_of(S3Client& client, const Source& source, const Call& call) {
    TRY(const io::Buffer scratch,
        wait_for_buffer(client.buffers(), {call.interrupt, &client.stopped()},
                        std::chrono::milliseconds(client.limits().call_timeout_ms)));
    TRY(const hash::Digests digests, source.digest({hash::Algorithm::md5}, scratch.bytes()));
    return hex_encode(*digests[hash::Algorithm::md5]);
}

}  // namespace

Result<ObjectInfo> found_as_sent(S3Client& client, const std::string& bucket,
                                 const std::string& key, const Sent& sent, const Error& refusal,
                                 const Call& call) {
    Result<ObjectInfo> found = client.head_object({.bucket = bucket, .key = key}, call);
    if (!found) {
        if (found.error().code() == Code::no_such_key) return fail(refusal);
        return fail(found.error());
    }
    if (sent.bytes && found->bytes != *sent.bytes) return fail(refusal);
    if (!sent.etag.empty() && found->etag == sent.etag) return found;
    if (sent.crc64nvme && found->crc64nvme) {
        if (*found->crc64nvme == *sent.crc64nvme) return found;
        return fail(refusal);
    }
    if (sent.source == nullptr) return fail(refusal);
    TRY(const std::string md5, md5_of(client, *sent.source, call));
    if (found->etag == md5) return found;
    return fail(refusal);
}

std::string multipart_etag(const std::vector<UploadedPart>& parts) {
    std::string digests;
    for (const UploadedPart& part : parts) {
        const std::optional<std::string> raw = hex_decode(part.etag);
        if (!raw) return "";
        digests += *raw;
    }
    return fmt::format("{}-{}", hex_encode(hash::digest(hash::Algorithm::md5, as_bytes(digests))),
                       parts.size());
}

}  // namespace weir::client
