#include "mount/object_move.h"

#include <utility>

#include "mount/store.h"

namespace weir::mount {

bool move_refused(const Error& error) {
    return error.code() == Code::precondition_failed || error.code() == Code::no_such_key;
}

Result<bool> is_there(const MoveGround& ground, const std::string& key, const std::string& etag,
                      const client::Call& call) {
    const Result<client::ObjectInfo> found = ground.client.head_object(
        {.bucket = ground.bucket, .key = key, .version_id = {}, .if_match = etag}, call);
    if (!found && move_refused(found.error())) return false;
    if (!found) return fail(found.error());
    return true;
}

void remove_source(const MoveGround& ground, const ObjectMove& move, const client::Call& call) {
    const Result<bool> there = is_there(ground, move.from, move.object.etag, call);
    if (there && !*there) return;
    const Result<client::DeleteObjectReply> removed =
        there ? ground.client.delete_object({.bucket = ground.bucket,
                                             .key = move.from,
                                             .version_id = {},
                                             .if_match = move.object.etag},
                                            call)
              : fail(there.error());
    if (!removed && !move_refused(removed.error()))
        ground.log.warn("{} is written, and a copy of it is left at {}: {}", move.to, move.from,
                        removed.error().describe());
}

Result<std::string> etag_there(const MoveGround& ground, const std::string& key,
                               const client::Call& call) {
    const Result<client::ObjectInfo> object =
        ground.client.head_object({.bucket = ground.bucket, .key = key}, call);
    if (!object && object.error().code() != Code::no_such_key) return fail(object.error());
    return object ? object->etag : "";
}

Result<client::UploadReply> copy_object(const MoveGround& ground, client::CopyObjectRequest request,
                                        const client::Call& call) {
    Result<client::UploadReply> copied = ground.transfers.copy(request, {}, call);
    const client::WriteConditions conditions = std::exchange(request.conditions, {});
    const bool conditional = conditions.if_absent || !conditions.if_match.empty();
    if (copied || !is_unserved(copied.error()) || !conditional) return copied;
    TRY(const std::string etag, etag_there(ground, request.key, call));
    if (etag != conditions.if_match)
        return fail(Code::precondition_failed, "another object is there");
    return ground.transfers.copy(request, {}, call);
}

Result<ObjectVersion> move_object(const MoveGround& ground, const ObjectMove& move,
                                  const client::Call& call) {
    const Result<void> renamed = ground.client.rename_object({.bucket = ground.bucket,
                                                              .key = move.to,
                                                              .source_key = move.from,
                                                              .source_if_match = move.object.etag,
                                                              .conditions = move.conditions},
                                                             call);
    // The version id was that of the old name.
    ObjectVersion moved{.etag = move.object.etag, .bytes = move.object.bytes};
    if (renamed) return moved;
    if (!is_unserved(renamed.error())) return fail(renamed.error());
    TRY(client::UploadReply copied, copy_object(ground,
                                                {.bucket = ground.bucket,
                                                 .key = move.to,
                                                 .source_bucket = ground.bucket,
                                                 .source_key = move.from,
                                                 .source_version_id = {},
                                                 .source_if_match = move.object.etag,
                                                 .replace_headers = {},
                                                 .conditions = move.conditions},
                                                call));
    remove_source(ground, move, call);
    moved.etag = std::move(copied.etag);
    moved.version_id = std::move(copied.version_id);
    return moved;
}

}  // namespace weir::mount
