#include "store/orphans.h"

#include <limits>
#include <set>

#include "base/bytes.h"
#include "base/check.h"
#include "meta/keys.h"
#include "store/partitions.h"

namespace weir::store {
namespace {

std::string be64(std::uint64_t value) {
    std::string bytes;
    append_be64(bytes, value);
    return bytes;
}

// Adds the ids (as in extents) from `from` to `to` that have checksum rows, which every blob has
// that a commit refers to.
Result<void> add_committed(kv::Engine& kv, const Place& place, blob::BlobId from, blob::BlobId to,
                           std::set<std::string>& committed) {
    kv::Range range = kv::prefix_range(meta::checksum_rows(to.encode()));
    range.begin = meta::checksum_rows(from.encode());
    const std::size_t id_bytes = from.encode().size();
    const Result<void> scanned =
        kv::scan_all(kv, place.partition, range, [&](std::string_view key, std::string_view) {
            committed.emplace(key.substr(1, id_bytes));
            return true;
        });
    // A bucket that is half made or half gone has no partition.
    if (!scanned && scanned.error().code() != Code::not_found) return fail(scanned.error());
    return {};
}

Result<std::set<std::string>> find_committed(kv::Engine& kv, blob::BlobId from, blob::BlobId to) {
    std::set<std::string> committed;
    TRY(const std::vector<Place> places, every_place(kv));
    for (const Place& place : places) TRY_VOID(add_committed(kv, place, from, to, committed));
    return committed;
}

// Whether every orphan of the dead writer is gone.
Result<bool> sweep_writer(ObjectStore& store, std::uint32_t writer, std::uint64_t low_water,
                          OrphanSweep& sweep) {
    const blob::BlobId first{.writer = writer, .sequence = low_water};
    std::vector<blob::BlobId> young;
    TRY_VOID(store.context().blobs.list(first, [&](const blob::BlobInfo& info) {
        if (info.id.writer != writer) return false;
        young.push_back(info.id);
        return true;
    }));
    if (young.empty()) return true;
    TRY(const std::set<std::string> committed,
        find_committed(store.context().kv, first, young.back()));
    bool all_removed = true;
    for (const blob::BlobId id : young) {
        ++sweep.checked;
        if (committed.contains(id.encode())) {
            if (const Result<void> trimmed = store.context().blobs.trim(id); !trimmed)
                store.context().log.warn("blob {} keeps space that was reserved for it: {}",
                                         id.text(), trimmed.error().describe());
            continue;
        }
        if (const Result<void> removed = store.context().blobs.remove(id); removed) {
            ++sweep.removed;
        } else {
            all_removed = false;
            store.context().log.error("orphan {} stays until the next start: {}", id.text(),
                                      removed.error().describe());
        }
    }
    return all_removed;
}

}  // namespace

Result<std::uint32_t> register_writer(kv::Engine& kv) {
    constexpr int attempts_max = 100;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        TRY(std::optional<std::string> last, kv.get(meta::system_partition, meta::writer_row));
        if (last && last->size() != 8) return fail(Code::corrupt, "the writer row is not one");
        const std::uint64_t writer = last ? read_be64(*last) + 1 : 1;
        if (writer > std::numeric_limits<std::uint32_t>::max())
            return fail(Code::internal_error, "the writer numbers are used up");
        kv::Batch batch;
        batch.require(std::string(meta::writer_row), std::move(last));
        batch.put(std::string(meta::writer_row), be64(writer));
        batch.put(meta::writer_low_water_row(static_cast<std::uint32_t>(writer)), be64(0));
        Result<kv::Committed> done =
            kv::commit_and_wait(kv, meta::system_partition, std::move(batch));
        if (done) return static_cast<std::uint32_t>(writer);
        // A number whose reply was lost is left to nobody.
        const Code code = done.error().code();
        if (code != Code::conflict && code != Code::unavailable)
            return fail(std::move(done).error());
    }
    return fail(Code::slow_down, "too many servers start at once");
}

Result<void> save_writer_low_water(kv::Engine& kv, std::uint32_t writer, std::uint64_t low_water) {
    kv::Batch batch;
    batch.put(meta::writer_low_water_row(writer), be64(low_water));
    TRY_VOID(kv::commit_and_wait(kv, meta::system_partition, std::move(batch)));
    return {};
}

Result<bool> is_committed(ObjectStore& store, blob::BlobId id) {
    TRY(const std::set<std::string> committed, find_committed(store.context().kv, id, id));
    return !committed.empty();
}

Result<OrphanSweep> sweep_orphans(ObjectStore& store, std::uint32_t writer) {
    // Of another region's or volume's blobs the marks say nothing.
    CHECK(store.context().source.region == 0);
    OrphanSweep sweep;
    kv::Engine& kv = store.context().kv;
    TRY_VOID(kv::each_row(
        kv, meta::system_partition, kv::prefix_range(meta::writer_low_water_rows()),
        [&](const kv::Row& row) -> Result<void> {
            if (row.key.size() != 5 || row.value.size() != 8)
                return fail(Code::corrupt, "a low-water row is not one");
            const std::uint32_t other = read_be32(std::string_view(row.key).substr(1));
            if (other == writer) return {};
            TRY(const bool swept, sweep_writer(store, other, read_be64(row.value), sweep));
            if (!swept) return {};
            kv::Batch done;
            done.remove(row.key);
            TRY_VOID(kv::commit_and_wait(kv, meta::system_partition, std::move(done)));
            return {};
        }));
    return sweep;
}

}  // namespace weir::store
