#include <fmt/format.h>

#include "base/random.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"

namespace weir::store {
namespace {

Bucket to_bucket(const meta::BucketEntry& entry) {
    return Bucket{.name = entry.name(),
                  .owner = entry.owner(),
                  .partition = kv::PartitionId(entry.partition()),
                  .created = entry.created_nanos(),
                  .location = entry.location()};
}

// Ids below this are the engine's and the system's.
constexpr std::uint64_t first_bucket_partition = 1024;

std::string bucket_entry(UnixNanos now) {
    meta::JournalEntry entry;
    entry.set_operation(meta::JOURNAL_BUCKET);
    entry.set_time_nanos(now);
    return meta::encode(entry);
}

kv::PartitionId new_partition() {
    std::uint64_t id = 0;
    while (id < first_bucket_partition) id = random_u64();
    return kv::PartitionId(id);
}

}  // namespace

Result<Bucket> ObjectStore::create_bucket(const std::string& name, const std::string& owner,
                                          const std::string& location) {
    const std::string row = meta::bucket_row(name);
    if (Result<Bucket> other = find_bucket(name); other) {
        return fail(other->owner == owner ? Code::bucket_already_owned_by_you
                                          : Code::bucket_already_exists);
    } else if (other.error().code() != Code::no_such_bucket) {
        return fail(std::move(other).error());
    }
    TRY(const std::vector<Bucket> owned,
        list_buckets(owner, "", "", context_.limits.buckets_per_owner_max));
    if (owned.size() >= context_.limits.buckets_per_owner_max) return fail(Code::too_many_buckets);
    meta::BucketEntry entry;
    entry.set_name(name);
    entry.set_owner(owner);
    entry.set_partition(new_partition().value());
    entry.set_created_nanos(context_.clock.now());
    entry.set_state(meta::BUCKET_CREATING);
    entry.set_location(location);
    const std::string bytes = meta::encode(entry);
    kv::Batch claim;
    claim.require(row, std::nullopt);
    claim.put(row, bytes);
    Result<kv::Committed> claimed =
        kv::commit_and_wait(context_.kv, meta::system_partition, std::move(claim));
    if (claimed) return finish_creating(entry, bytes);
    TRY(const std::optional<std::string> present, context_.kv.get(meta::system_partition, row));
    if (present == bytes)
        return finish_creating(entry, bytes);  // applied although the reply was lost
    if (claimed.error().code() != Code::conflict) return fail(std::move(claimed).error());
    // Somebody was faster, and may have deleted it again since.
    return create_bucket(name, owner, location);
}

// The partition and its fence exist before the name leads to them. Whoever meets a bucket half made
// does the rest.
Result<Bucket> ObjectStore::finish_creating(const meta::BucketEntry& entry,
                                            const std::string& bytes) {
    const kv::PartitionId partition(entry.partition());
    TRY_VOID(context_.kv.create_partition(partition));
    meta::BucketFence fence;
    fence.set_incarnation(entry.partition());
    kv::Batch first;
    first.require(std::string(meta::fence_row), std::nullopt);
    first.put(std::string(meta::fence_row), meta::encode(fence));
    Result<kv::Committed> fenced = kv::commit_and_wait(context_.kv, partition, std::move(first));
    // Not found: finished, deleted and dropped by others since; publishing will tell.
    if (!fenced && fenced.error().code() != Code::conflict &&
        fenced.error().code() != Code::not_found) {
        TRY(const std::optional<std::string> present, context_.kv.get(partition, meta::fence_row));
        if (!present) return fail(std::move(fenced).error());
    }
    meta::BucketEntry active = entry;
    active.set_state(meta::BUCKET_ACTIVE);
    const std::string row = meta::bucket_row(entry.name());
    kv::Batch publish;
    publish.require(row, bytes);
    publish.put(row, meta::encode(active));
    Result<kv::Committed> published =
        kv::commit_and_wait(context_.kv, meta::system_partition, std::move(publish));
    if (published) return to_bucket(active);
    // Somebody else finished it, or the reply was lost.
    TRY(const std::optional<std::string> present, context_.kv.get(meta::system_partition, row));
    if (present == meta::encode(active)) return to_bucket(active);
    if (published.error().code() != Code::conflict) return fail(std::move(published).error());
    if (present) {
        TRY(const meta::BucketEntry other, meta::decode<meta::BucketEntry>(*present));
        if (other.partition() == entry.partition()) return to_bucket(other);
    }
    // Finished and deleted since; the partition may have been made anew by us after it was dropped.
    kv::Batch drain;
    drain.put(meta::drain_row(entry.partition()), bytes);
    TRY_VOID(kv::commit_and_wait(context_.kv, meta::system_partition, std::move(drain)));
    return fail(Code::no_such_bucket);
}

Result<Bucket> ObjectStore::find_bucket(const std::string& name, Wait wait) {
    const std::string row = meta::bucket_row(name);
    TRY(const std::optional<std::string> bytes,
        wait == Wait::yes ? context_.kv.get(meta::system_partition, row)
                          : context_.kv.try_get(meta::system_partition, row));
    if (!bytes) return fail(Code::no_such_bucket);
    TRY(const meta::BucketEntry entry, meta::decode<meta::BucketEntry>(*bytes));
    if (entry.state() == meta::BUCKET_ACTIVE) return to_bucket(entry);
    if (wait == Wait::no) return fail(Code::would_block);
    return finish_creating(entry, *bytes);
}

Result<bool> ObjectStore::is_empty(kv::PartitionId partition) {
    for (const char kind : {meta::current_prefix, meta::marker_prefix, meta::version_prefix}) {
        bool empty = true;
        TRY_VOID(kv::scan_all(context_.kv, partition, kv::prefix_range(std::string(1, kind)),
                              [&](std::string_view, std::string_view) { return empty = false; }));
        if (!empty) return false;
    }
    return true;
}

Result<Fence> ObjectStore::set_fence_state(kv::PartitionId partition, const Fence& expected,
                                           meta::BucketState state) {
    Fence fence{.moment = 0, .bytes = {}, .record = expected.record};
    fence.record.set_state(state);
    fence.record.set_generation(fence.record.generation() + 1);
    fence.bytes = meta::encode(fence.record);
    kv::Batch batch;
    batch.require(std::string(meta::fence_row), expected.bytes);
    batch.put(std::string(meta::fence_row), fence.bytes);
    TRY_VOID(kv::commit_and_wait(context_.kv, partition, std::move(batch)));
    return fence;
}

// Closes the bucket to changes; gives the fence as it stands then.
Result<Fence> ObjectStore::close_bucket(const Bucket& bucket) {
    constexpr int attempts_max = 100;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        TRY(std::optional<std::string> bytes,
            or_no_bucket(context_.kv.get(bucket.partition, meta::fence_row)));
        if (!bytes) return fail(Code::no_such_bucket);
        TRY(meta::BucketFence record, meta::decode<meta::BucketFence>(*bytes));
        Fence fence{.moment = 0, .bytes = *std::move(bytes), .record = std::move(record)};
        if (fence.record.state() == meta::BUCKET_DELETING) return fence;
        Result<Fence> closed =
            or_no_bucket(set_fence_state(bucket.partition, fence, meta::BUCKET_DELETING));
        if (closed || closed.error().code() != Code::conflict) return closed;
    }
    return fail(Code::slow_down);
}

Result<void> ObjectStore::delete_bucket(const std::string& name) {
    TRY(const Bucket bucket, find_bucket(name));
    // Looked at before the fence, so that refusing a full bucket disturbs nobody.
    TRY(const bool empty_before, or_no_bucket(is_empty(bucket.partition)));
    if (!empty_before) return fail(Code::bucket_not_empty);
    for (;;) {
        TRY(const Fence fence, close_bucket(bucket));
        TRY(const bool deleted, delete_closed(bucket, fence));
        if (deleted) return {};
    }
}

Result<void> ObjectStore::finish_deleting(const Bucket& bucket) {
    TRY(std::optional<std::string> bytes, context_.kv.get(bucket.partition, meta::fence_row));
    if (!bytes) return {};
    TRY(meta::BucketFence record, meta::decode<meta::BucketFence>(*bytes));
    if (record.state() != meta::BUCKET_DELETING) return {};
    const Result<bool> done =
        delete_closed(bucket, {.bytes = *std::move(bytes), .record = std::move(record)});
    if (!done && done.error().code() != Code::bucket_not_empty) return fail(done.error());
    return {};
}

// From the fence on no commit of an object passes; what passed before is seen now. False if the
// bucket was opened meanwhile.
Result<bool> ObjectStore::delete_closed(const Bucket& bucket, const Fence& fence) {
    const Result<bool> empty = is_empty(bucket.partition);
    // Whoever else saw it closed finished, and the partition was dropped.
    if (!empty && empty.error().code() == Code::not_found) return true;
    if (!empty) return fail(empty.error());
    if (!*empty) {
        const Result<Fence> opened =
            or_no_bucket(set_fence_state(bucket.partition, fence, meta::BUCKET_ACTIVE));
        // Another who deletes opened it already.
        if (!opened && opened.error().code() != Code::conflict) return fail(opened.error());
        return fail(Code::bucket_not_empty);
    }
    // Another who deletes and saw an object may have opened the bucket while we looked; since
    // generations only grow, the same bytes say that it was closed all the time.
    const Result<std::optional<std::string>> still =
        context_.kv.get(bucket.partition, meta::fence_row);
    if (!still && still.error().code() == Code::not_found) return true;
    if (!still) return fail(still.error());
    if (*still != fence.bytes) return false;
    TRY_VOID(drop_from_directory(bucket.name, bucket));
    tell_followers_of_end(bucket.partition);
    return true;
}

// They look for the bucket when its journal goes on. Those whom this does not reach find out at
// their next heartbeat.
void ObjectStore::tell_followers_of_end(kv::PartitionId partition) {
    kv::Batch batch;
    batch.append(bucket_entry(context_.clock.now()));
    const Result<kv::Committed> done =
        kv::commit_and_wait(context_.kv, partition, std::move(batch));
    // No partition: it was dropped already, which wakes them too.
    if (!done && done.error().code() != Code::not_found)
        context_.log.debug("a deleted bucket's journal got no last entry: {}",
                           done.error().describe());
}

// The name goes; the partition stays, listed in a row `X`, until the reclaimer has given back what
// its rows refer to.
Result<void> ObjectStore::drop_from_directory(const std::string& name, const Bucket& bucket) {
    const std::string row = meta::bucket_row(name);
    TRY(const std::optional<std::string> bytes, context_.kv.get(meta::system_partition, row));
    if (!bytes) return {};
    TRY(const meta::BucketEntry entry, meta::decode<meta::BucketEntry>(*bytes));
    if (entry.partition() != bucket.partition.value()) return {};
    kv::Batch batch;
    batch.require(row, bytes);
    batch.remove(row);
    batch.put(meta::drain_row(bucket.partition.value()), *bytes);
    Result<kv::Committed> done =
        kv::commit_and_wait(context_.kv, meta::system_partition, std::move(batch));
    // An active entry never changes but to go: another who deletes was faster.
    if (!done && done.error().code() != Code::conflict) return fail(std::move(done).error());
    return {};
}

Result<std::vector<Bucket>> ObjectStore::list_buckets(const std::string& owner,
                                                      const std::string& prefix,
                                                      const std::string& after,
                                                      std::size_t count_max) {
    kv::Range range = kv::prefix_range(meta::bucket_row(prefix));
    if (!after.empty()) range.begin = std::max(range.begin, meta::bucket_row(after) + '\0');
    std::vector<Bucket> buckets;
    if (count_max == 0) return buckets;
    Result<void> outcome;
    TRY_VOID(kv::scan_all(context_.kv, meta::system_partition, std::move(range),
                          [&](std::string_view, std::string_view value) {
                              Result<meta::BucketEntry> entry =
                                  meta::decode<meta::BucketEntry>(value);
                              if (!entry) {
                                  outcome = fail(std::move(entry).error());
                                  return false;
                              }
                              if (entry->owner() == owner) buckets.push_back(to_bucket(*entry));
                              return buckets.size() < count_max;
                          }));
    TRY_VOID(outcome);
    return buckets;
}

Result<void> ObjectStore::each_bucket(const std::function<Result<void>(const Bucket&)>& visit) {
    std::vector<Bucket> buckets;
    Result<void> outcome;
    TRY_VOID(kv::scan_all(
        context_.kv, meta::system_partition, kv::prefix_range(std::string(1, meta::bucket_prefix)),
        [&](std::string_view, std::string_view value) {
            Result<meta::BucketEntry> entry = meta::decode<meta::BucketEntry>(value);
            if (!entry) {
                outcome = fail(std::move(entry).error());
                return false;
            }
            buckets.push_back(to_bucket(*entry));
            return true;
        }));
    TRY_VOID(outcome);
    for (const Bucket& bucket : buckets) TRY_VOID(visit(bucket));
    return {};
}

Result<meta::Versioning> ObjectStore::versioning(const Bucket& bucket, Wait wait) {
    TRY(const std::optional<std::string> bytes,
        wait == Wait::yes ? context_.kv.get(bucket.partition, meta::fence_row)
                          : context_.kv.try_get(bucket.partition, meta::fence_row));
    if (!bytes) return fail(Code::no_such_bucket);
    TRY(const meta::BucketFence fence, meta::decode<meta::BucketFence>(*bytes));
    return fence.versioning();
}

Result<void> ObjectStore::set_versioning(const Bucket& bucket, meta::Versioning versioning) {
    return transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
        meta::BucketFence fence = transaction.fence();
        if (fence.versioning() == versioning) return {};
        fence.set_versioning(versioning);
        fence.set_generation(fence.generation() + 1);
        kv::Row row{std::string(meta::fence_row), meta::encode(fence)};
        transaction.prove_by(row);
        transaction.batch().put(std::move(row.key), std::move(row.value));
        transaction.batch().append(bucket_entry(transaction.now()));
        return {};
    });
}

}  // namespace weir::store
