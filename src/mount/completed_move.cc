#include "mount/completed_move.h"

#include <utility>

#include "mount/object_move.h"

namespace weir::mount {
namespace {

ObjectMove of(const CompletedMove& move) {
    return {.from = move.from,
            .to = move.to,
            .object = {.etag = move.object.etag,
                       .version_id = move.object.version_id,
                       .bytes = move.object.bytes},
            .conditions = move.conditions};
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

MoveGround move_ground(const DraftGround& ground) {
    return {.client = ground.client,
            .transfers = ground.transfers,
            .bucket = ground.bucket,
            .log = ground.log};
}

Result<bool> is_there(const DraftGround& ground, const std::string& key, const std::string& etag,
                      const client::Call& call) {
    return is_there(move_ground(ground), key, etag, call);
}

Result<std::optional<PartUploader::Completed>> move_completed(const DraftGround& ground,
                                                              const CompletedMove& move,
                                                              const client::Call& call) {
    Result<ObjectVersion> moved = move_object(move_ground(ground), of(move), call);
    if (moved) {
        PartUploader::Completed done = move.object;
        done.etag = std::move(moved->etag);
        done.version_id = std::move(moved->version_id);
        return done;
    }
    if (!move_refused(moved.error())) return fail(moved.error());
    TRY(std::optional<PartUploader::Completed> before, moved_before(ground, move, call));
    if (before) {
        remove_source(move_ground(ground), of(move), call);
        return before;
    }
    TRY(const bool there, is_there(ground, move.from, move.object.etag, call));
    if (!there) return std::nullopt;
    return fail(Code::precondition_failed, std::string(moved.error().message()));
}

}  // namespace weir::mount
