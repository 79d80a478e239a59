#include "mount/recovery.h"

#include <fmt/format.h>

#include <algorithm>
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

// The process ended while it was removed, or gave way to what was renamed to its name: had the
// store done so?
Result<bool> was_removed(const DraftGround& ground, const Draft& draft, bool removing,
                         const client::Call& call) {
    if (!removing) return false;
    TRY(const std::string etag, etag_there(move_ground(ground), draft.key(), call));
    return draft.stored_etag() != etag;
}

// Beside the object that somebody else put there.
Result<void> bring_beside(Draft& draft, Recovered& recovered, const client::Call& call) {
    constexpr std::size_t id_characters = 8;
    const std::string key = recovered.key + ".recovered-" + recovered.id.substr(0, id_characters);
    const Result<void> detached = draft.detach(key);
    const bool gone = !detached && (detached.error().code() == Code::stale ||
                                    detached.error().code() == Code::no_such_key);
    if (!detached && !gone) return detached;
    if (gone)
        return fail(detached.error().code(),
                    fmt::format("somebody else replaced the object, and what it held before is "
                                "gone, of which this is a change: {}",
                                detached.error().describe()));
    TRY_VOID(draft.commit(call));
    recovered.saved_as = key;
    return draft.keep();
}

Result<void> bring(const DraftGround& ground, Recovered& recovered, const client::Call& call) {
    TRY(auto file, ground.cache.adopt_write(recovered.id));
    TRY(const DraftDescription description, read_description(file->info()));
    TRY(const std::unique_ptr<Draft> draft, Draft::adopt(ground, std::move(file)));
    TRY(const bool unwanted, was_removed(ground, *draft, description.removing, call));
    if (unwanted) {
        TRY_VOID(draft->discard([](bool) { return Result<void>(); }));
        recovered.unwanted = true;
        return draft->keep();
    }
    TRY_VOID(follow_move(ground, *draft, description.moving_to, call));
    const Result<ObjectVersion> done = draft->commit(call);
    if (done) return draft->keep();
    if (done.error().code() != Code::stale) return fail(done.error());
    if (!is_there(ground, *draft, call)) return bring_beside(*draft, recovered, call);
    TRY_VOID(draft->discard([](bool) { return Result<void>(); }));
    return draft->keep();
}

}  // namespace

std::string Recovered::describe() const {
    if (error)
        return fmt::format("{} ({} bytes, kept as {}) is not recovered: {}",
                           key.empty() ? "a file" : key, bytes, id, error->describe());
    if (saved_as.empty()) return fmt::format("{} is recovered, {} bytes", key, bytes);
    return fmt::format(
        "{} is somebody else's by now: what was written is recovered as {}, {} bytes", key,
        saved_as, bytes);
}

Result<Recovery> recover_writes(const DraftGround& ground, const std::string& prefix,
                                const client::Call& call) {
    TRY(const std::vector<cache::AbandonedWrite> left, ground.cache.abandoned_writes());
    Recovery all;
    for (const cache::AbandonedWrite& one : left) {
        if (!one.info) {
            all.files.push_back({.id = one.id, .bytes = one.size_bytes, .error = one.info.error()});
            continue;
        }
        if (one.info->endpoint != ground.client.endpoint().url() ||
            one.info->bucket != ground.bucket) {
            std::string other = fmt::format("{} {}", one.info->endpoint, one.info->bucket);
            if (std::ranges::find(all.others, other) == all.others.end())
                all.others.push_back(std::move(other));
            continue;
        }
        if (!one.info->key.starts_with(prefix)) continue;
        Recovered recovered{.id = one.id, .key = one.info->key, .bytes = one.size_bytes};
        if (call.interrupted()) break;
        const Result<void> done = bring(ground, recovered, call);
        if (done && recovered.unwanted) continue;
        if (!done) recovered.error = done.error();
        all.files.push_back(std::move(recovered));
    }
    return all;
}

}  // namespace weir::mount
