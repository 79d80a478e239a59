#include "mount/completed_move.h"

#include <utility>

namespace weir::mount {
namespace {

// The names of RenameObject where a store has none.
bool has_no_rename(const Error& error) {
    return error.code() == Code::not_implemented || error.code() == Code::method_not_allowed ||
           error.code() == Code::invalid_request || error.code() == Code::invalid_argument;
}

// Of a condition, or of a source that is gone.
bool refused(const Error& error) {
    return error.code() == Code::precondition_failed || error.code() == Code::no_such_key;
}

// After a copy. The file is where it belongs, so that a failure is none of the file's.
void remove_source(const DraftGround& ground, const CompletedMove& move, const client::Call& call) {
    const Result<bool> there = is_there(ground, move.from, move.object.etag, call);
    if (there && !*there) return;
    const Result<client::DeleteObjectReply> removed =
        there ? ground.client.delete_object({.bucket = ground.bucket,
                                             .key = move.from,
                                             .version_id = {},
                                             .if_match = move.object.etag},
                                            call)
              : fail(there.error());
    if (!removed && !refused(removed.error()))
        ground.log.warn("{} is written, and a copy of it is left at {}: {}", move.to, move.from,
                        removed.error().describe());
}

Result<PartUploader::Completed> rename_or_copy(const DraftGround& ground, const CompletedMove& move,
                                               const client::Call& call) {
    const Result<void> renamed = ground.client.rename_object({.bucket = ground.bucket,
                                                              .key = move.to,
                                                              .source_key = move.from,
                                                              .source_if_match = move.object.etag,
                                                              .conditions = move.conditions},
                                                             call);
    PartUploader::Completed moved = move.object;
    moved.version_id.clear();  // that of the old name
    if (renamed) return moved;
    if (!has_no_rename(renamed.error())) return fail(renamed.error());
    TRY(client::UploadReply copied, ground.transfers.copy({.bucket = ground.bucket,
                                                           .key = move.to,
                                                           .source_bucket = ground.bucket,
                                                           .source_key = move.from,
                                                           .source_version_id = {},
                                                           .source_if_match = move.object.etag,
                                                           .replace_headers = {},
                                                           .conditions = move.conditions},
                                                          {}, call));
    remove_source(ground, move, call);
    moved.etag = std::move(copied.etag);
    moved.version_id = std::move(copied.version_id);
    return moved;
}

// An earlier try came through, and its reply was lost.
Result<std::optional<PartUploader::Completed>> moved_before(const DraftGround& ground,
                                                            const CompletedMove& move,
                                                            const client::Call& call) {
    const Result<client::ObjectInfo> found =
        ground.client.head_object({.bucket = ground.bucket, .key = move.to}, call);
    if (!found && found.error().code() == Code::no_such_key) return std::nullopt;
    if (!found) return fail(found.error());
    PartUploader::Completed moved = move.object;
    const bool same =
        found->etag == moved.etag || (found->crc64nvme && found->crc64nvme == moved.crc64nvme);
    if (found->bytes != moved.bytes || !same) return std::nullopt;
    moved.etag = found->etag;
    moved.version_id = found->version_id;
    return moved;
}

}  // namespace

Result<bool> is_there(const DraftGround& ground, const std::string& key, const std::string& etag,
                      const client::Call& call) {
    const Result<client::ObjectInfo> found = ground.client.head_object(
        {.bucket = ground.bucket, .key = key, .version_id = {}, .if_match = etag}, call);
    if (!found && refused(found.error())) return false;
    if (!found) return fail(found.error());
    return true;
}

Result<std::optional<PartUploader::Completed>> move_completed(const DraftGround& ground,
                                                              const CompletedMove& move,
                                                              const client::Call& call) {
    Result<PartUploader::Completed> moved = rename_or_copy(ground, move, call);
    if (moved) return *std::move(moved);
    if (!refused(moved.error())) return fail(moved.error());
    TRY(std::optional<PartUploader::Completed> before, moved_before(ground, move, call));
    if (before) {
        remove_source(ground, move, call);
        return before;
    }
    TRY(const bool there, is_there(ground, move.from, move.object.etag, call));
    if (!there) return std::nullopt;
    return fail(Code::precondition_failed, std::string(moved.error().message()));
}

}  // namespace weir::mount
