#include "store/reclaimer.h"

#include <fmt/format.h>

#include <chrono>

#include "base/bytes.h"
#include "base/random.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/orphans.h"
#include "store/partitions.h"

namespace weir::store {
namespace {

constexpr UnixNanos clock_slack_nanos = 60 * nanos_per_second;
constexpr std::chrono::seconds pass_interval(5);
constexpr std::size_t rows_a_round_max = 256;

bool gone(const Error& error) {
    return error.code() == Code::not_found || error.code() == Code::conflict ||
           error.code() == Code::no_such_bucket;
}

}  // namespace

Reclaimer::Reclaimer(ObjectStore& store, std::uint32_t writer)
    : store_(store), context_(store.context()), writer_(writer), journals_(context_) {}

void Reclaimer::start() {
    thread_ = std::thread([this] { run(); });
}

void Reclaimer::stop() {
    {
        MutexLock lock(mutex_);
        stopping_ = true;
    }
    wakeup_.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::shared_ptr<void> Reclaimer::pause() {
    MutexLock lock(mutex_);
    ++pauses_;
    while (passing_) wakeup_.wait(mutex_);
    return std::shared_ptr<void>(nullptr, [this](void*) {
        {
            MutexLock again(mutex_);
            --pauses_;
        }
        wakeup_.notify_all();
    });
}

ReclaimStats Reclaimer::stats() const {
    return {.blobs = blobs_, .ranges = ranges_, .partitions = partitions_, .errors = errors_};
}

void Reclaimer::run() {
    for (;;) {
        {
            MutexLock lock(mutex_);
            while (!stopping_ && pauses_ > 0) wakeup_.wait(mutex_);
            if (stopping_) return;
            passing_ = true;
        }
        Result<void> done = run_once(context_.clock.now());
        if (!done) {
            ++errors_;
            context_.log.error("reclaiming: {}", done.error().describe());
        }
        MutexLock lock(mutex_);
        passing_ = false;
        wakeup_.notify_all();
        while (!stopping_)
            if (!wakeup_.wait_for(mutex_, pass_interval)) break;
    }
}

Result<void> Reclaimer::run_once(UnixNanos now) {
    // One blob's or bucket's trouble is not the others'.
    Result<void> first_error = settle_left();
    TRY_VOID(save_low_water());
    const auto note = [&](Result<void> done) {
        // Gone: a bucket that is being created has no partition yet; one that was just deleted is
        // drained below.
        if (!done && !gone(done.error()) && first_error) first_error = std::move(done);
    };
    journals_.begin_pass();
    TRY_VOID(store_.each_bucket([&](const Bucket& bucket) -> Result<void> {
        note(store_.finish_deleting(bucket));
        note(reclaim_partition(bucket.partition, now));
        note(journals_.trim(bucket.partition, now));
        return {};
    }));
    journals_.end_pass();
    TRY(const std::vector<Place> drained, drained_places(context_.kv));
    for (const Place& place : drained) {
        note(reclaim_partition(place.partition, now));
        note(drain_partition(place.partition));
    }
    return first_error;
}

Result<void> Reclaimer::reclaim_partition(kv::PartitionId partition, UnixNanos now) {
    Result<void> first_error;
    kv::Range due{std::string(1, meta::garbage_prefix), meta::garbage_row(now + 1, 0)};
    TRY_VOID(kv::each_row(context_.kv, partition, due, [&](const kv::Row& row) -> Result<void> {
        Result<void> done = reclaim_row(partition, row);
        if (!done && first_error) first_error = std::move(done);
        return {};
    }));
    TRY_VOID(bring_forward(partition, std::max(now, context_.clock.now())));
    return first_error;
}

// Rows whose time lies much further ahead than a delay were put before the clock jumped back, or by
// another clock: they wait for one delay from now, not until this clock is there. Not those that
// are put while this runs.
Result<void> Reclaimer::bring_forward(kv::PartitionId partition, UnixNanos now) {
    const UnixNanos latest = now + context_.settings.reclaim_delay_nanos,
                    too_late = latest + context_.settings.reclaim_delay_nanos + clock_slack_nanos;
    const kv::Range ahead{meta::garbage_row(too_late, 0),
                          kv::prefix_range(std::string(1, meta::garbage_prefix)).end};
    return kv::each_row(context_.kv, partition, ahead, [&](const kv::Row& row) -> Result<void> {
        kv::Batch batch;
        batch.remove(row.key);
        batch.put(meta::garbage_row(latest, random_u64()), row.value);
        TRY_VOID(kv::commit_and_wait(context_.kv, partition, std::move(batch)));
        return {};
    });
}

Result<void> Reclaimer::reclaim_row(kv::PartitionId partition, const kv::Row& row) {
    TRY(const meta::Garbage garbage, meta::decode<meta::Garbage>(row.value));
    for (const meta::Extent& extent : garbage.ranges()) TRY_VOID(reclaim_range(extent));
    for (const meta::Extent& extent : garbage.blobs()) TRY_VOID(reclaim_blob(extent));
    // Last, so that a crash before this line repeats the row.
    kv::Batch done;
    done.remove(row.key);
    TRY_VOID(kv::commit_and_wait(context_.kv, partition, std::move(done)));
    return {};
}

Result<void> Reclaimer::forget_checksums(kv::PartitionId home, const std::string& blob) {
    for (;;) {
        TRY(const std::vector<kv::Row> rows,
            kv::read_rows(context_.kv, home, kv::prefix_range(meta::checksum_rows(blob)),
                          rows_a_round_max));
        if (rows.empty()) return {};
        kv::Batch batch;
        for (const kv::Row& row : rows) batch.remove(row.key);
        TRY_VOID(kv::commit_and_wait(context_.kv, home, std::move(batch)));
    }
}

Result<void> Reclaimer::reclaim_blob(const meta::Extent& extent) {
    const std::optional<blob::BlobId> id = blob::BlobId::decode(extent.blob());
    if (!id) return fail(Code::corrupt, "a garbage row names no blob");
    const kv::PartitionId home(extent.home());
    if (!extent.referrer().empty()) {
        TRY(const bool was_last, release(home, extent));
        if (!was_last) return {};
    }
    // Before the bytes: where checksums are, bytes are, whatever crash comes between.
    if (Result<void> done = forget_checksums(home, extent.blob());
        !done && done.error().code() != Code::not_found)
        return done;
    TRY_VOID(context_.blobs.remove(*id));
    if (store_.damage().contains(extent.blob())) store_.damage().forget(extent.blob());
    ++blobs_;
    return {};
}

// Whether nobody else uses the blob. A home that is gone was drained after its last reference went:
// somebody died between that and what follows here.
Result<bool> Reclaimer::release(kv::PartitionId home, const meta::Extent& extent) {
    kv::Batch batch;
    batch.remove(meta::reference_row(extent.blob(), extent.referrer()));
    if (Result<kv::Committed> done = kv::commit_and_wait(context_.kv, home, std::move(batch));
        !done) {
        if (done.error().code() == Code::not_found) return true;
        return fail(std::move(done).error());
    }
    const Result<std::vector<kv::Row>> others =
        kv::read_rows(context_.kv, home, kv::prefix_range(meta::reference_rows(extent.blob())), 1);
    if (!others && others.error().code() == Code::not_found) return true;
    if (!others) return fail(others.error());
    return others->empty();
}

Result<void> Reclaimer::reclaim_range(const meta::Extent& extent) {
    const std::optional<blob::BlobId> id = blob::BlobId::decode(extent.blob());
    if (!id) return fail(Code::corrupt, "a garbage row names no blob");
    // Before the bytes, as above.
    kv::Batch forget;
    forget.remove(meta::checksum_row(extent.blob(), extent.offset()));
    Result<kv::Committed> forgotten =
        kv::commit_and_wait(context_.kv, kv::PartitionId(extent.home()), std::move(forget));
    if (!forgotten && forgotten.error().code() != Code::not_found)
        return fail(std::move(forgotten).error());
    Result<void> punched = context_.blobs.punch(*id, extent.offset(), extent.length());
    if (!punched && punched.error().code() != Code::not_found) return punched;
    ++ranges_;
    return {};
}

// A deleted bucket: the parts of uploads that were open go, then, once no garbage waits and no
// other bucket refers to a blob that is told about here, the partition itself.
Result<void> Reclaimer::drain_partition(kv::PartitionId partition) {
    if (Result<bool> rest = drain_rows(partition);
        !rest && rest.error().code() != Code::not_found) {
        return fail(std::move(rest).error());
    } else if (rest && !*rest) {
        return {};
    }
    TRY_VOID(context_.kv.drop_partition(partition));
    kv::Batch done;
    done.remove(meta::drain_row(partition.value()));
    TRY_VOID(kv::commit_and_wait(context_.kv, meta::system_partition, std::move(done)));
    ++partitions_;
    return {};
}

// No Complete passed, since its row is there, and none can: the bucket is closed. What a part that
// is under way finds when it has made a blob is that its upload is gone.
Result<void> Reclaimer::drain_uploads(kv::PartitionId partition) {
    for (;;) {
        TRY(const std::vector<kv::Row> uploads,
            kv::read_rows(context_.kv, partition,
                          kv::prefix_range(std::string(1, meta::upload_prefix)), rows_a_round_max));
        if (uploads.empty()) return {};
        kv::Batch batch;
        for (const kv::Row& row : uploads) batch.remove(row.key);
        TRY_VOID(kv::commit_and_wait(context_.kv, partition, std::move(batch)));
        for (const kv::Row& row : uploads)
            if (const std::optional<meta::UploadRow> upload = meta::parse_upload_row(row.key))
                store_.forget_upload(upload->upload_id);
    }
}

// Whether nothing is left that the partition must stay for.
Result<bool> Reclaimer::drain_rows(kv::PartitionId partition) {
    TRY_VOID(drain_uploads(partition));
    for (;;) {
        TRY(const std::vector<kv::Row> parts,
            kv::read_rows(context_.kv, partition,
                          kv::prefix_range(std::string(1, meta::part_prefix)), rows_a_round_max));
        kv::Batch batch;
        for (const kv::Row& row : parts) {
            TRY(const meta::PartRecord part, meta::decode<meta::PartRecord>(row.value));
            for (const meta::Extent& extent : part.extents()) TRY_VOID(reclaim_blob(extent));
            batch.remove(row.key);
        }
        if (parts.empty()) break;
        TRY_VOID(kv::commit_and_wait(context_.kv, partition, std::move(batch)));
    }
    for (const char kind : {meta::garbage_prefix, meta::reference_prefix}) {
        TRY(const std::vector<kv::Row> rows,
            kv::read_rows(context_.kv, partition, kv::prefix_range(std::string(1, kind)), 1));
        if (!rows.empty()) return false;
    }
    return true;
}

// What a fault left behind. A commit that succeeds says that those before it, of which nobody knew
// whether they happened, are decided.
Result<void> Reclaimer::settle_left() {
    const std::vector<InFlight::Left> left = store_.in_flight().take_left();
    if (left.empty()) return {};
    const Result<void> decided = save_writer_low_water(context_.kv, writer_, low_water_saved_);
    Result<void> first_error = decided;
    for (const InFlight::Left& each : left) {
        Result<void> settled = decided ? settle(each.blob) : decided;
        if (settled) {
            store_.in_flight().end(each.bound);
        } else {
            store_.in_flight().leave(each);
            if (first_error) first_error = std::move(settled);
        }
    }
    return first_error;
}

Result<void> Reclaimer::settle(blob::BlobId blob) {
    TRY(const bool committed, is_committed(store_, blob));
    if (committed) return {};
    return context_.blobs.remove(blob);
}

Result<void> Reclaimer::save_low_water() {
    const std::uint64_t low_water = store_.in_flight().low_water();
    if (low_water == low_water_saved_) return {};
    TRY_VOID(save_writer_low_water(context_.kv, writer_, low_water));
    low_water_saved_ = low_water;
    return {};
}

}  // namespace weir::store
