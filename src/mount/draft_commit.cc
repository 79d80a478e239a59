// How a written file becomes an object: by its metadata alone, by one PutObject, or by parts.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mount/completed_move.h"
#include "mount/draft.h"
#include "mount/draft_description.h"
#include "mount/object_move.h"

namespace weir::mount {
namespace {

// What was there is still there: nothing that somebody else wrote meanwhile is lost.
client::WriteConditions still(const std::string& stored_etag) {
    if (stored_etag.empty()) return {.if_absent = true};
    return {.if_match = stored_etag};
}

}  // namespace

Result<ObjectVersion> Draft::commit(const client::Call& call) {
    const Gate::Shut alone(writing_);
    if (!changed()) return version().value_or(ObjectVersion());
    Result<ObjectVersion> done = commit_changes(call);
    if (!done && done.error().code() == Code::no_such_upload) {
        // A rule of the bucket took it away while nobody wrote; or it was completed before.
        stand_on_completed();
        drop_upload();
        done = commit_changes(call);
    }
    if (!done && (done.error().code() == Code::precondition_failed ||
                  done.error().code() == Code::no_such_key))
        return fail(Code::stale, fmt::format("{} was changed by somebody else while it was "
                                             "written: {}",
                                             key(), done.error().message()));
    return done;
}

// What a listing does not tell of an object, and a new version is to have too.
Result<void> Draft::look_at_headers(const client::Call& call) {
    const State now = state();
    if (now.metadata.headers_known || !now.base) return {};
    TRY(client::ObjectInfo found, ground_.client.head_object({.bucket = ground_.bucket,
                                                              .key = now.key,
                                                              .version_id = {},
                                                              .if_match = now.base->etag,
                                                              .if_none_match = {}},
                                                             call));
    const MutexLock lock(mutex_);
    // A thread that sends parts and one that commits may both have looked.
    if (std::exchange(state_.metadata.headers_known, true)) return {};
    state_.metadata.headers = std::move(found.headers);
    return {};
}

Result<client::ObjectHeaders> Draft::headers_of_upload(const client::Call& call) {
    TRY_VOID(look_at_headers(call));
    return upload_headers(state().metadata);
}

Result<ObjectVersion> Draft::commit_changes(const client::Call& call) {
    TRY_VOID(look_at_headers(call));
    const State now = state();
    const std::shared_ptr<DraftBytes> file = bytes();
    const std::uint64_t size = size_bytes();
    const bool same_bytes =
        now.base &&
        (!file || (!file->dirty() && size == now.base->bytes && file->base_valid_bytes() == size));
    if (!same_bytes && size > ground_.limits.part_bytes) return commit_parts(now, call);
    drop_upload();
    return same_bytes ? commit_metadata(now, call) : commit_at_once(now, call);
}

Result<ObjectVersion> Draft::commit_metadata(const State& state, const client::Call& call) {
    TRY(client::ObjectHeaders headers, object_headers(state.metadata));
    TRY(const client::UploadReply copied, copy_object(move_ground(ground_),
                                                      {.bucket = ground_.bucket,
                                                       .key = state.key,
                                                       .source_bucket = ground_.bucket,
                                                       .source_key = state.key,
                                                       .source_version_id = {},
                                                       .source_if_match = state.base->etag,
                                                       .replace_headers = std::move(headers),
                                                       .conditions = still(state.base->etag)},
                                                      call));
    const ObjectVersion version{
        .etag = copied.etag, .version_id = copied.version_id, .bytes = state.base->bytes};
    committed(state, version, state.crc64nvme);
    return version;
}

Result<ObjectVersion> Draft::commit_at_once(const State& state, const client::Call& call) {
    const std::shared_ptr<DraftBytes> file = bytes();
    client::Source source;
    std::uint64_t size = 0;
    if (file) {
        size = file->size_bytes();
        TRY_VOID(file->fill({0, size}));
        source = client::Source(client::FileSource{file->file().descriptor(), 0, size});
    }
    TRY(client::ObjectHeaders headers, object_headers(state.metadata));
    TRY(const client::PutObjectReply put,
        ground_.client.put_object({.bucket = ground_.bucket,
                                   .key = state.key,
                                   .headers = std::move(headers),
                                   .conditions = still(state.stored_etag())},
                                  source, call));
    const ObjectVersion version{.etag = put.etag, .version_id = put.version_id, .bytes = size};
    committed(state, version, put.crc64nvme);
    return version;
}

std::vector<Piece> Draft::pieces(const State& state, const DraftBytes& bytes) const {
    const std::uint64_t size = bytes.size_bytes();
    const std::uint64_t from_base = state.base ? bytes.base_valid_bytes() : 0;
    std::vector<Piece> pieces;
    for (std::uint64_t at = 0; at < size;) {
        Piece piece{.slot = plan_.at(at)};
        piece.slot.span.end = std::min(piece.slot.span.end, size);
        piece.from_base = piece.slot.span.end <= from_base && !bytes.dirty_any(piece.slot.span);
        at = piece.slot.span.end;
        Piece* const last = pieces.empty() ? nullptr : &pieces.back();
        // Parts that the store copies need no cuts; numbers may be left out.
        if (last != nullptr && last->from_base && piece.from_base &&
            at - last->slot.span.begin <= put_bytes_max)
            last->slot.span.end = at;
        else
            pieces.push_back(piece);
    }
    return pieces;
}

Result<ObjectVersion> Draft::commit_parts(const State& state, const client::Call& call) {
    TRY(const client::ObjectHeaders wanted, upload_headers(state.metadata));
    const std::shared_ptr<DraftBytes> file = bytes();
    std::shared_ptr<PartUploader> uploader;
    {
        const MutexLock lock(mutex_);
        if (!uploader_) make_uploader();
        uploader = uploader_;
    }
    const std::vector<Piece> pieces = this->pieces(state, *file);
    std::optional<PartUploader::Base> base;
    if (state.base) base = PartUploader::Base{state.key, state.base->etag, state.base->version_id};
    TRY_VOID(uploader->send(pieces, base, [&](Span span) { return file->fill(span); }, call));
    TRY(const std::optional<PartUploader::Completed> done,
        complete(*uploader, pieces, state, call));
    if (!done) {
        // All of it once more, under the name that it has now.
        drop_upload();
        return commit_parts(state, call);
    }
    const ObjectVersion version{
        .etag = done->etag, .version_id = done->version_id, .bytes = file->size_bytes()};
    const bool right = wanted == uploader->headers();
    committed(state, version, done->crc64nvme);
    if (right) return version;
    // They were set after the upload had begun.
    {
        const MutexLock lock(mutex_);
        state_.metadata_changed = true;
    }
    return commit_metadata(this->state(), call);
}

Result<std::optional<PartUploader::Completed>> Draft::complete(PartUploader& uploader,
                                                               const std::vector<Piece>& pieces,
                                                               const State& state,
                                                               const client::Call& call) {
    const client::WriteConditions conditions = still(state.stored_etag());
    // Renamed since the upload began, whose key stays what it was.
    const bool elsewhere = uploader.key() != state.key;
    const bool before = uploader.completed().has_value();
    const Result<PartUploader::Completed> done =
        uploader.complete(pieces, elsewhere ? still("") : conditions, call);
    if (!done && elsewhere && done.error().code() == Code::precondition_failed) return std::nullopt;
    if (!done) return fail(done.error());
    if (elsewhere) {
        const auto moved = move_completed(
            ground_,
            {.from = uploader.key(), .to = state.key, .conditions = conditions, .object = *done},
            call);
        // It stays in the cache, and not under a name that nobody gave it.
        if (!moved && moved.error().code() == Code::precondition_failed) drop_upload();
        return moved;
    }
    if (!before) return *done;
    // Renamed back since it was completed.
    TRY(const bool there, is_there(ground_, state.key, done->etag, call));
    return there ? std::optional(*done) : std::nullopt;
}

// Completed, renamed back and written to since: what is there is what it replaces. It has all bytes
// of the version before it that were not written.
void Draft::stand_on_completed() {
    const MutexLock lock(mutex_);
    if (!uploader_ || uploader_->key() != state_.key || state_.base) return;
    const std::optional<PartUploader::Completed> done = uploader_->completed();
    if (!done) return;
    state_.base =
        ObjectVersion{.etag = done->etag, .version_id = done->version_id, .bytes = done->bytes};
    bytes_->reread(ground_.reader(state_.key, *state_.base));
}

void Draft::committed(const State& state, const ObjectVersion& version,
                      std::optional<std::uint64_t> crc64nvme) {
    const ReadBase reader = ground_.reader(state.key, version);
    std::shared_ptr<PartUploader> uploader;
    const MutexLock lock(mutex_);
    uploader = std::exchange(uploader_, nullptr);
    if (uploader) parts_sent_ += uploader->parts_sent();
    if (bytes_) bytes_->rebase(reader);
    state_.base = version;
    state_.replaces.clear();
    state_.placeholder = false;
    state_.problem.clear();
    state_.crc64nvme = crc64nvme;
    // Unless somebody set it meanwhile.
    state_.metadata_changed =
        state_.metadata_changed && state_.metadata.attributes != state.metadata.attributes;
    if (bytes_)
        set_expendable(*bytes_);
    else
        state_.described = false;
}

}  // namespace weir::mount
