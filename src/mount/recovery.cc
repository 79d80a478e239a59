#include "mount/recovery.h"

#include <utility>

#include "hash/crc.h"
#include "mount/completed_move.h"
#include "mount/draft_description.h"

namespace weir::mount {
namespace {

Result<std::uint64_t> crc_of(Draft& draft) {
    std::vector<std::byte> piece(draft_piece_bytes);
    std::uint64_t crc = 0;
    for (std::uint64_t at = 0; at < draft.size_bytes();) {
        TRY(const std::size_t bytes, draft.read(at, piece));
        crc = hash::crc64nvme(crc, std::span(piece).first(bytes));
        at += bytes;
    }
    return crc;
}

// The process may have ended between the commit and its end.
bool is_there(const DraftGround& ground, Draft& draft, const client::Call& call) {
    const Result<client::ObjectInfo> object =
        ground.client.head_object({.bucket = ground.bucket, .key = draft.key()}, call);
    if (!object || object->bytes != draft.size_bytes() || !object->crc64nvme) return false;
    const Result<std::uint64_t> crc = crc_of(draft);
    return crc && *crc == *object->crc64nvme;
}

// The process may have ended while it was renamed, when the store had done so.
Result<void> follow_move(const DraftGround& ground, Draft& draft, const std::string& to,
                         const client::Call& call) {
    const std::optional<ObjectVersion> base = draft.version();
    if (to.empty() || !base) return {};
    TRY(const bool there, is_there(ground, to, base->etag, call));
    TRY(const bool here, is_there(ground, draft.key(), base->etag, call));
    if (!there || here) return {};
    return draft.rename({.key = to,
                         .replaces = {},
                         .moved = true,
                         .move = [](const ObjectVersion& version) -> Result<ObjectVersion> {
                             // Its version id was that of the old name.
                             return ObjectVersion{.etag = version.etag, .bytes = version.bytes};
                         },
                         .drop = [](const auto&) { return Result<void>(); }});
}

Result<void> bring(const DraftGround& ground, const std::string& id, const client::Call& call) {
    TRY(auto file, ground.cache.adopt_write(id));
    TRY(const DraftDescription description, read_description(file->info()));
    TRY(const std::unique_ptr<Draft> draft, Draft::adopt(ground, std::move(file)));
    TRY_VOID(follow_move(ground, *draft, description.moving_to, call));
    const Result<ObjectVersion> done = draft->commit(call);
    if (done) return draft->keep();
    if (done.error().code() != Code::stale || !is_there(ground, *draft, call))
        return fail(done.error());
    TRY_VOID(draft->discard([](bool) { return Result<void>(); }));
    return draft->keep();
}

}  // namespace

Result<std::vector<Recovered>> recover_writes(const DraftGround& ground, const std::string& prefix,
                                              const client::Call& call) {
    TRY(const std::vector<cache::AbandonedWrite> left, ground.cache.abandoned_writes());
    std::vector<Recovered> all;
    for (const cache::AbandonedWrite& one : left) {
        if (!one.info) {
            all.push_back({.id = one.id, .bytes = one.size_bytes, .error = one.info.error()});
            continue;
        }
        if (one.info->endpoint != ground.client.endpoint().url() ||
            one.info->bucket != ground.bucket || !one.info->key.starts_with(prefix))
            continue;
        Recovered recovered{.id = one.id, .key = one.info->key, .bytes = one.size_bytes};
        if (call.interrupt != nullptr && call.interrupt->interrupted()) break;
        const Result<void> done = bring(ground, one.id, call);
        if (!done) recovered.error = done.error();
        all.push_back(std::move(recovered));
    }
    return all;
}

}  // namespace weir::mount
