#include "store/orphans.h"

#include <limits>

#include "base/bytes.h"
#include "meta/keys.h"

namespace weir::store {
namespace {

std::string be64(std::uint64_t value) {
    std::string bytes;
    append_be64(bytes, value);
    return bytes;
}

Result<std::vector<kv::PartitionId>> every_partition(ObjectStore& store) {
    std::vector<kv::PartitionId> partitions;
    TRY_VOID(store.each_bucket([&](const Bucket& bucket) -> Result<void> {
        partitions.push_back(bucket.partition);
        return {};
    }));
    TRY_VOID(kv::scan_all(store.context().kv, meta::system_partition,
                          kv::prefix_range(std::string(1, meta::drain_prefix)),
                          [&](std::string_view key, std::string_view) {
                              partitions.emplace_back(read_be64(key.substr(1)));
                              return true;
                          }));
    return partitions;
}

Result<bool> has_checksums(kv::Engine& kv, const std::vector<kv::PartitionId>& partitions,
                           blob::BlobId id) {
    bool found = false;
    for (const kv::PartitionId partition : partitions) {
        const Result<void> scanned =
            kv::scan_all(kv, partition, kv::prefix_range(meta::checksum_rows(id.encode())),
                         [&](std::string_view, std::string_view) {
                             found = true;
                             return false;
                         });
        // A bucket that is half made or half gone has no partition.
        if (!scanned && scanned.error().code() != Code::not_found) return fail(scanned.error());
        if (found) return true;
    }
    return false;
}

}  // namespace

Result<std::uint32_t> register_writer(kv::Engine& kv) {
    constexpr int attempts_max = 100;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        TRY(std::optional<std::string> last, kv.get(meta::system_partition, meta::writer_row));
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
    TRY(const std::vector<kv::PartitionId> partitions, every_partition(store));
    return has_checksums(store.context().kv, partitions, id);
}

Result<OrphanSweep> sweep_orphans(ObjectStore& store, std::uint32_t writer) {
    OrphanSweep sweep;
    kv::Engine& kv = store.context().kv;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> dead;
    TRY_VOID(kv::scan_all(kv, meta::system_partition,
                          kv::prefix_range(meta::writer_low_water_rows()),
                          [&](std::string_view key, std::string_view value) {
                              const std::uint32_t other = read_be32(key.substr(1));
                              if (other != writer) dead.emplace_back(other, read_be64(value));
                              return true;
                          }));
    TRY(const std::vector<kv::PartitionId> partitions, every_partition(store));
    for (const auto& [other, low_water] : dead) {
        std::vector<blob::BlobId> young;
        TRY_VOID(store.context().blobs.list({.writer = other, .sequence = low_water},
                                            [&](const blob::BlobInfo& info) {
                                                if (info.id.writer != other) return false;
                                                young.push_back(info.id);
                                                return true;
                                            }));
        for (const blob::BlobId id : young) {
            ++sweep.checked;
            TRY(const bool committed, has_checksums(kv, partitions, id));
            if (committed) continue;
            TRY_VOID(store.context().blobs.remove(id));
            ++sweep.removed;
        }
        kv::Batch done;
        done.remove(meta::writer_low_water_row(other));
        TRY_VOID(kv::commit_and_wait(kv, meta::system_partition, std::move(done)));
    }
    return sweep;
}

}  // namespace weir::store
