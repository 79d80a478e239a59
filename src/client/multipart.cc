#include "client/multipart.h"

#include <chrono>
#include <utility>

namespace weir::client {
namespace {

constexpr std::chrono::milliseconds abort_timeout{30'000};

}  // namespace

Result<void> Multipart::create() {
    TRY(CreateUploadReply reply,
        client_.create_upload(
            {.bucket = request_.bucket, .key = request_.key, .headers = request_.headers}, call_));
    upload_id_ = std::move(reply.upload_id);
    return {};
}

Result<bool> Multipart::find() {
    ListUploadsRequest page{.bucket = request_.bucket, .prefix = request_.key};
    UnixNanos newest = 0;
    for (;;) {
        TRY(const ListUploadsReply reply, client_.list_uploads(page, call_));
        for (const ListedUpload& upload : reply.uploads) {
            if (upload.key != request_.key || upload.initiated < newest) continue;
            newest = upload.initiated;
            upload_id_ = upload.upload_id;
        }
        if (!reply.truncated || reply.next_key_marker > request_.key) break;
        page.key_marker = reply.next_key_marker;
        page.upload_id_marker = reply.next_upload_id_marker;
    }
    if (upload_id_.empty()) return false;
    TRY_VOID(list_found_parts());
    return true;
}

Result<void> Multipart::list_found_parts() {
    ListPartsRequest page{.bucket = request_.bucket, .key = request_.key, .upload_id = upload_id_};
    for (;;) {
        TRY(ListPartsReply reply, client_.list_parts(page, call_));
        for (UploadedPart& part : reply.parts) found_[part.part_number] = std::move(part);
        if (!reply.truncated || reply.next_part_number_marker <= page.part_number_marker) return {};
        page.part_number_marker = reply.next_part_number_marker;
    }
}

const UploadedPart* Multipart::found_part(unsigned part_number) const {
    const auto found = found_.find(part_number);
    return found == found_.end() ? nullptr : &found->second;
}

UploadPartRequest Multipart::part(unsigned part_number) const {
    return {.bucket = request_.bucket,
            .key = request_.key,
            .upload_id = upload_id_,
            .part_number = part_number};
}

void Multipart::add(UploadedPart part) {
    MutexLock lock(mutex_);
    parts_[part.part_number] = std::move(part);
}

Result<UploadReply> Multipart::complete() {
    CompleteUploadRequest request{.bucket = request_.bucket,
                                  .key = request_.key,
                                  .upload_id = upload_id_,
                                  .conditions = request_.conditions};
    UploadReply reply;
    {
        MutexLock lock(mutex_);
        for (const auto& [number, part] : parts_) {
            reply.bytes += part.bytes;
            request.parts.push_back(part);
        }
    }
    reply.parts = static_cast<unsigned>(request.parts.size());
    TRY(CompleteUploadReply completed, client_.complete_upload(request, call_));
    reply.etag = std::move(completed.etag);
    reply.version_id = std::move(completed.version_id);
    return reply;
}

Result<void> Multipart::abort() {
    if (upload_id_.empty()) return {};
    return client_.abort_upload(
        {.bucket = request_.bucket, .key = request_.key, .upload_id = upload_id_},
        {.timeout = abort_timeout});
}

}  // namespace weir::client
