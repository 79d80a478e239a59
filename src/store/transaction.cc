#include "store/transaction.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/check.h"
#include "base/random.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "meta/version.h"

namespace weir::store {
namespace {

constexpr int attempts_max = 500;
// Lost races before a racer pauses for a moment, so that many of them do not spin.
constexpr int attempts_eager = 8;

template <typename Record>
Result<std::optional<Record>> decode_row(const std::optional<std::string>& bytes) {
    if (!bytes) return std::nullopt;
    TRY(Record record, meta::decode<Record>(*bytes));
    return record;
}

void pause_after(int attempt) {
    if (attempt < attempts_eager) return;
    std::this_thread::sleep_for(std::chrono::microseconds(random_u64() % 2000));
}

}  // namespace

Result<std::optional<std::string>> read_row(kv::Engine& kv, kv::PartitionId partition,
                                            const std::string& key, Wait wait) {
    return or_no_bucket(wait == Wait::yes ? kv.get(partition, key) : kv.try_get(partition, key));
}

Result<Fence> read_fence(kv::Engine& kv, kv::PartitionId partition, Wait wait) {
    const kv::Moment moment = kv.moment();
    TRY(std::optional<std::string> bytes,
        read_row(kv, partition, std::string(meta::fence_row), wait));
    if (!bytes) return fail(Code::no_such_bucket);
    TRY(meta::BucketFence record, meta::decode<meta::BucketFence>(*bytes));
    // It may stay: whoever asks again finds it opened, or no longer by its name.
    if (record.state() == meta::BUCKET_DELETING)
        return fail(Code::operation_aborted, "The bucket is being deleted.");
    return Fence{.moment = moment, .bytes = *std::move(bytes), .record = std::move(record)};
}

Transaction::Transaction(const Context& context, kv::PartitionId partition, Fence fence, Wait wait)
    : context_(context),
      partition_(partition),
      fence_(std::move(fence)),
      wait_(wait),
      now_(context.clock.now()) {
    batch_.moment = fence_.moment;
    batch_.require_as_read(std::string(meta::fence_row), fence_.bytes);
}

void Transaction::discard_blob(const meta::Extent& extent) {
    // A blob that several extents of one version lie in is reclaimed once.
    if (discarded_.emplace(extent.blob(), extent.referrer()).second) *garbage_.add_blobs() = extent;
}

void Transaction::discard_range(const meta::Extent& extent) { *garbage_.add_ranges() = extent; }

void Transaction::discard_own_blob(const std::string& blob) {
    meta::Extent extent;
    extent.set_blob(blob);
    extent.set_home(partition_.value());
    discard_blob(extent);
}

bool Transaction::fits() const {
    constexpr std::size_t garbage_key_bytes = 17;
    const std::size_t garbage_bytes = garbage_key_bytes + garbage_.ByteSizeLong();
    return batch_.rows() < context_.limits.batch_rows_max &&
           batch_.bytes() + garbage_bytes <= context_.limits.batch_bytes_max;
}

void Transaction::finish() {
    if (garbage_.blobs_size() > 0 || garbage_.ranges_size() > 0) {
        const UnixNanos not_before = now_ + context_.settings.reclaim_delay_nanos;
        batch_.put(meta::garbage_row(not_before, random_u64()), meta::encode(garbage_));
    }
}

Result<bool> was_applied(const Context& context, kv::PartitionId partition, const kv::Row& proof) {
    TRY(const std::optional<std::string> value, context.kv.get(partition, proof.key));
    return value == proof.value;
}

Result<void> transact(const Context& context, kv::PartitionId partition,
                      const std::function<Result<void>(Transaction&)>& build, Fate* fate) {
    Fate ignored;
    Fate& outcome = fate != nullptr ? *fate : ignored;
    outcome = Fate::not_committed;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        TRY(Fence fence, read_fence(context.kv, partition));
        Transaction transaction(context, partition, std::move(fence));
        TRY_VOID(build(transaction));
        transaction.finish();
        Result<kv::Committed> committed =
            kv::commit_and_wait(context.kv, partition, std::move(transaction.batch()));
        if (committed) {
            outcome = Fate::committed;
            return {};
        }
        const Code code = committed.error().code();
        if (code == Code::not_found) return fail(Code::no_such_bucket);
        if (code == Code::slow_down || code == Code::read_only)
            return fail(std::move(committed).error());
        if (code != Code::conflict) {
            outcome = Fate::unknown;
            if (code == Code::unavailable && transaction.proof()) {
                TRY(const bool applied, was_applied(context, partition, *transaction.proof()));
                if (applied) {
                    outcome = Fate::committed;
                    return {};
                }
            }
            return fail(std::move(committed).error());
        }
        pause_after(attempt);
    }
    return fail(Code::slow_down,
                "Too many requests change this key at once. Please reduce your request rate.");
}

Result<KeyChange> KeyChange::read(Transaction& transaction, std::string key) {
    KeyChange change(transaction, std::move(key));
    const std::string current = meta::current_row(change.key_),
                      marker = meta::marker_row(change.key_);
    TRY(std::optional<std::string> object_bytes, transaction.get(current));
    TRY(std::optional<std::string> marker_bytes, transaction.get(marker));
    TRY(std::optional<meta::ObjectRecord> object, decode_row<meta::ObjectRecord>(object_bytes));
    TRY(std::optional<meta::ObjectRecord> delete_marker,
        decode_row<meta::ObjectRecord>(marker_bytes));
    // Two reads are no snapshot: a change between them shows both rows or none, and the commit will
    // find out.
    change.head_ = object ? std::move(object) : std::move(delete_marker);
    transaction.batch().require_as_read(current, std::move(object_bytes));
    transaction.batch().require_as_read(marker, std::move(marker_bytes));
    const meta::Version* head = change.head_ ? &change.head_->version() : nullptr;
    const Context& context = transaction.context();
    const UnixNanos at_least = head != nullptr ? head->time_nanos() + 1 : 0;
    const UnixNanos moment = context.moments->take(std::max(transaction.now(), at_least));
    change.next_version_ = meta::next_version(moment, head, context.source);
    return change;
}

const meta::ObjectRecord* KeyChange::object() const {
    return head_ && !head_->delete_marker() ? &*head_ : nullptr;
}

std::string KeyChange::head_row() const {
    CHECK(head_.has_value());
    return head_->delete_marker() ? meta::marker_row(key_) : meta::current_row(key_);
}

void KeyChange::put_head(const meta::ObjectRecord& record) {
    kv::Row row{record.delete_marker() ? meta::marker_row(key_) : meta::current_row(key_),
                meta::encode(record)};
    transaction_.prove_by(row);
    transaction_.batch().put(std::move(row.key), std::move(row.value));
}

// The head's row goes unless the new head takes the same one.
void KeyChange::drop_head_row(bool new_is_marker) {
    if (head_ && head_->delete_marker() != new_is_marker) transaction_.batch().remove(head_row());
}

void KeyChange::keep_head_as_version() {
    meta::ObjectRecord older = *head_;
    older.clear_null_at();
    transaction_.batch().put(meta::version_row(key_, older.version()), meta::encode(older));
}

Result<void> KeyChange::discard_body(const meta::ObjectRecord& record) {
    bytes_delta_ -= static_cast<std::int64_t>(record.size_bytes());
    --versions_delta_;
    if (record.body() == meta::BODY_TABLE) {
        const std::string row = meta::body_row(key_, record.version());
        TRY(const std::optional<std::string> bytes, transaction_.get(row));
        // Gone: changed meanwhile, and the head's condition fails the commit; or lost, and the
        // object can at least be removed, while fsck finds its blobs.
        meta::PartTable table;
        if (bytes) {
            TRY(table, meta::decode<meta::PartTable>(*bytes));
        }
        for (const meta::Extent& extent : table.extents()) transaction_.discard_blob(extent);
    }
    for (const meta::Extent& extent : record.extents()) transaction_.discard_blob(extent);
    if (record.body() == meta::BODY_INLINE || record.body() == meta::BODY_TABLE ||
        record.parts_count() > 0)
        transaction_.batch().remove(meta::body_row(key_, record.version()));
    return {};
}

// Removes the null version that lies among the older ones.
Result<void> KeyChange::drop_null_at() {
    const std::string row = meta::version_row(key_, head_->null_at());
    TRY(std::optional<std::string> bytes, transaction_.get(row));
    if (!bytes) return {};  // changed meanwhile: the head's condition fails the commit
    TRY(const meta::ObjectRecord record, meta::decode<meta::ObjectRecord>(*bytes));
    transaction_.batch().require(row, std::move(bytes));
    transaction_.batch().remove(row);
    return discard_body(record);
}

Result<void> KeyChange::put(meta::ObjectRecord& record, meta::JournalOperation operation) {
    const bool keep_versions = transaction_.fence().versioning() == meta::VERSIONING_ENABLED;
    *record.mutable_version() = next_version_;
    record.set_null_version(!keep_versions);
    record.set_last_modified_nanos(transaction_.now());
    record.clear_null_at();
    bytes_delta_ += static_cast<std::int64_t>(record.size_bytes());
    ++versions_delta_;
    if (head_) {
        if (keep_versions && head_->null_version()) *record.mutable_null_at() = head_->version();
        if (keep_versions && head_->has_null_at()) *record.mutable_null_at() = head_->null_at();
        if (!keep_versions && head_->null_version()) {
            TRY_VOID(discard_body(*head_));
        } else {
            keep_head_as_version();
            if (!keep_versions && head_->has_null_at()) TRY_VOID(drop_null_at());
        }
    }
    drop_head_row(record.delete_marker());
    put_head(record);
    journal(operation, record.version(), &record);
    return {};
}

Result<KeyChange::Removed> KeyChange::remove(meta::JournalOperation operation) {
    if (transaction_.fence().versioning() != meta::VERSIONING_UNSET) {
        meta::ObjectRecord marker;
        marker.set_delete_marker(true);
        TRY_VOID(put(marker, meta::JOURNAL_DELETE_MARKER));
        return Removed{.found = object() != nullptr,
                       .delete_marker = true,
                       .version_id = meta::version_id(marker)};
    }
    if (!head_) return Removed{};
    TRY_VOID(discard_body(*head_));
    transaction_.batch().remove(head_row());
    journal(operation, head_->version(), nullptr);
    return Removed{.found = true, .delete_marker = false, .version_id = ""};
}

Result<std::optional<KeyChange::Target>> KeyChange::find_version(const meta::VersionName& name) {
    if (!head_) return std::nullopt;
    const bool at_head =
        name.null ? head_->null_version()
                  : !head_->null_version() && meta::same_version(head_->version(), name.version);
    if (at_head) return Target{.record = *head_, .bytes = {}, .is_head = true};
    if (name.null && !head_->has_null_at()) return std::nullopt;
    const std::string row = meta::version_row(key_, name.null ? head_->null_at() : name.version);
    TRY(std::optional<std::string> bytes, transaction_.get(row));
    if (!bytes) return std::nullopt;
    TRY(meta::ObjectRecord record, meta::decode<meta::ObjectRecord>(*bytes));
    if (record.null_version() != name.null) return std::nullopt;
    return Target{.record = std::move(record), .bytes = *std::move(bytes), .is_head = false};
}

// The newest of the older versions becomes the head; the old head's row is gone or replaced.
Result<void> KeyChange::promote() {
    std::optional<kv::Row> newest;
    TRY_VOID(kv::scan_all(transaction_.context().kv, transaction_.partition(),
                          kv::prefix_range(meta::version_rows(key_)),
                          [&](std::string_view row, std::string_view value) {
                              newest = kv::Row{std::string(row), std::string(value)};
                              return false;
                          }));
    if (!newest) {
        transaction_.batch().remove(head_row());
        return {};
    }
    TRY(meta::ObjectRecord record, meta::decode<meta::ObjectRecord>(newest->value));
    if (head_->has_null_at() && !record.null_version())
        *record.mutable_null_at() = head_->null_at();
    transaction_.batch().require(newest->key, newest->value);
    transaction_.batch().remove(newest->key);
    drop_head_row(record.delete_marker());
    put_head(record);
    after_ = std::move(record);
    return {};
}

Result<KeyChange::Removed> KeyChange::remove_version(const Target& target) {
    const meta::ObjectRecord& record = target.record;
    TRY_VOID(discard_body(record));
    if (target.is_head) {
        TRY_VOID(promote());
    } else {
        const std::string row = meta::version_row(key_, record.version());
        transaction_.batch().require(row, target.bytes);
        transaction_.batch().remove(row);
        after_ = *head_;
        if (record.null_version()) {
            after_->clear_null_at();
            put_head(*after_);
        }
    }
    journal(meta::JOURNAL_REMOVE, record.version(), after_ ? &*after_ : nullptr);
    return Removed{.found = true,
                   .delete_marker = record.delete_marker(),
                   .version_id = meta::version_id(record)};
}

void KeyChange::move_away() {
    CHECK(object() != nullptr);
    bytes_delta_ -= static_cast<std::int64_t>(head_->size_bytes());
    --versions_delta_;
    transaction_.batch().remove(head_row());
    journal(meta::JOURNAL_RENAME, head_->version(), nullptr);
}

void KeyChange::journal(meta::JournalOperation operation, const meta::Version& version,
                        const meta::ObjectRecord* current) {
    meta::JournalEntry entry;
    entry.set_operation(operation);
    entry.set_key(key_);
    *entry.mutable_version() = version;
    entry.set_bytes_delta(bytes_delta_);
    entry.set_versions_delta(versions_delta_);
    entry.set_time_nanos(transaction_.now());
    if (current != nullptr && !current->delete_marker()) {
        meta::JournalEntry::Current& now = *entry.mutable_current();
        *now.mutable_version() = current->version();
        now.set_size_bytes(current->size_bytes());
        now.set_etag(current->etag());
        now.set_last_modified_nanos(current->last_modified_nanos());
        now.set_no_user_metadata(current->headers().user_metadata().empty());
    }
    transaction_.batch().append(meta::encode(entry));
}

}  // namespace weir::store
