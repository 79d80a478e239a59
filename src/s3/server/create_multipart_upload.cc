#include <fmt/format.h>

#include "hash/algorithm.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/names.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

struct ChecksumChoice {
    std::string algorithm;
    meta::ChecksumType type = meta::CHECKSUM_TYPE_FULL_OBJECT;
};

Result<ChecksumChoice> choose_checksum(const CreateMultipartUploadRequest& request) {
    if (!request.checksum_algorithm) {
        if (request.checksum_type)
            return fail(Code::invalid_request,
                        "The x-amz-checksum-type header can only be used with the "
                        "x-amz-checksum-algorithm header.");
        return ChecksumChoice{};
    }
    const std::optional<hash::Algorithm> algorithm =
        hash::algorithm_by_name(*request.checksum_algorithm);
    if (!algorithm)
        return fail(Code::invalid_request,
                    "Checksum algorithm provided is unsupported. Please try again with any of "
                    "the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, "
                    "XXHASH64, XXHASH3, XXHASH128]");
    const hash::AlgorithmInfo& info = hash::info(*algorithm);
    ChecksumChoice choice{.algorithm = std::string(info.name)};
    choice.type = info.composite ? meta::CHECKSUM_TYPE_COMPOSITE : meta::CHECKSUM_TYPE_FULL_OBJECT;
    if (request.checksum_type) {
        const bool full = *request.checksum_type == "FULL_OBJECT";
        if (full ? !info.full_object : !info.composite)
            return fail(
                Code::invalid_request,
                fmt::format("The {} checksum type cannot be used with the {} checksum algorithm.",
                            *request.checksum_type, info.name));
        choice.type = full ? meta::CHECKSUM_TYPE_FULL_OBJECT : meta::CHECKSUM_TYPE_COMPOSITE;
    }
    return choice;
}

}  // namespace

Result<Reply> create_multipart_upload(const Call& call) {
    TRY_VOID(check_object_key(call.view.key));
    TRY(const CreateMultipartUploadRequest request, parse<CreateMultipartUploadRequest>(call.view));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    TRY(ChecksumChoice checksum, choose_checksum(request));
    TRY(meta::ObjectHeaders headers, object_headers(request));
    TRY(std::string upload_id,
        call.store.create_upload(bucket, {.key = request.key,
                                          .headers = std::move(headers),
                                          .checksum_algorithm = checksum.algorithm,
                                          .checksum_type = checksum.type,
                                          .owner = std::string(call.owner)}));
    CreateMultipartUploadReply message;
    message.bucket = request.bucket;
    message.key = request.key;
    message.upload_id = std::move(upload_id);
    if (!checksum.algorithm.empty()) {
        message.checksum_algorithm = checksum.algorithm;
        message.checksum_type = checksum_type_name(checksum.type);
    }
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
