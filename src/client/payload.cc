#include "client/payload.h"

#include "base/bytes.h"
#include "client/replies.h"
#include "client/wait_for_buffer.h"

namespace weir::client {
namespace {

Result<std::uint64_t> vouch(Core& core, Request& request, const Source& source, bool sign_body,
                            const Call& call) {
    hash::AlgorithmSet algorithms{hash::Algorithm::crc64nvme};
    if (sign_body) algorithms.insert(hash::Algorithm::sha256);
    io::Buffer scratch;
    if (source.file() != nullptr) {
        TRY(scratch, wait_for_buffer(core.buffers, {call.interrupt, &core.stop},
                                     std::chrono::milliseconds(core.limits.call_timeout_ms)));
    }
    TRY(const hash::Digests digests, source.digest(algorithms, scratch.bytes()));
    const std::uint64_t crc = read_be64(*digests[hash::Algorithm::crc64nvme]);
    request.source = &source;
    request.expects_continue = source.bytes() >= core.limits.expect_continue_bytes_min;
    if (sign_body) request.payload_sha256 = hex_encode(*digests[hash::Algorithm::sha256]);
    request.add_header("x-amz-sdk-checksum-algorithm", "CRC64NVME");
    request.add_header("x-amz-checksum-crc64nvme", format_crc64nvme(crc));
    return crc;
}

}  // namespace

Result<std::uint64_t> vouch_for(Core& core, Request& request, const Source& source,
                                const Call& call) {
    return vouch(core, request, source, !core.endpoint.tls, call);
}

Result<void> vouch_for_xml(Core& core, Request& request, const Source& source, const Call& call) {
    TRY_VOID(vouch(core, request, source, true, call));
    return {};
}

}  // namespace weir::client
