#pragma once
// One change of one bucket: the batch that is being built, conditioned on the bucket's fence and on
// whatever was read; and KeyChange, the rules by which the versions of a key come and go. DESIGN
// section 5 and docs/FORMAT.md say why.
//
// Used by one thread, within one store call; transact() builds and commits until the conditions
// hold.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "meta/records.pb.h"
#include "store/context.h"

namespace weir::store {

// The bucket's `e` row as read.
struct Fence {
    kv::Moment moment = 0;  // before it was read
    std::string bytes;
    meta::BucketFence record;
};

// A partition that is not there was a deleted bucket's.
template <typename T>
Result<T> or_no_bucket(Result<T> result) {
    if (!result && result.error().code() == Code::not_found) return fail(Code::no_such_bucket);
    return result;
}

Result<std::optional<std::string>> read_row(kv::Engine& kv, kv::PartitionId partition,
                                            const std::string& key, Wait wait);

// no_such_bucket if the bucket is gone or going.
Result<Fence> read_fence(kv::Engine& kv, kv::PartitionId partition, Wait wait = Wait::yes);

class Transaction {
  public:
    Transaction(const Context& context, kv::PartitionId partition, Fence fence,
                Wait wait = Wait::yes);

    const Context& context() const { return context_; }
    kv::PartitionId partition() const { return partition_; }
    const meta::BucketFence& fence() const { return fence_.record; }
    UnixNanos now() const { return now_; }

    kv::Batch& batch() { return batch_; }
    Result<std::optional<std::string>> get(const std::string& key) {
        return read_row(context_.kv, partition_, key, wait_);
    }

    // Will be reclaimed after the delay: the blobs removed whole, or the ranges of them punched.
    void discard_blob(const meta::Extent& extent);
    void discard_range(const meta::Extent& extent);
    // A blob that only this bucket's upload knows of, by its id as in extents.
    void discard_own_blob(const std::string& blob);

    // Whether the engine takes a batch so large.
    bool fits() const;

    // A row of the batch whose value no other batch could have put: it tells whether a commit whose
    // reply was lost was applied.
    void prove_by(kv::Row row) { proof_ = std::move(row); }
    const std::optional<kv::Row>& proof() const { return proof_; }

    // Adds the garbage row; the batch is complete. One that changes nothing is committed too: only
    // that tells whether all that was read was true at one moment.
    void finish();

  private:
    const Context& context_;
    kv::PartitionId partition_;
    Fence fence_;
    Wait wait_;
    UnixNanos now_;
    kv::Batch batch_;
    meta::Garbage garbage_;
    std::set<std::pair<std::string, std::string>> discarded_;  // blob, referrer
    std::optional<kv::Row> proof_;
};

// Whether the batch of a commit whose reply was lost was applied. A `no` may also mean that
// somebody has replaced the row since, so it allows no retry.
Result<bool> was_applied(const Context& context, kv::PartitionId partition, const kv::Row& proof);

enum class Fate {
    not_committed,  // what the batch referred to may be discarded
    committed,
    unknown,  // the engine could not say: leave everything where it is
};

// Builds and commits until the conditions hold; `build` reads, checks the caller's own
// preconditions and fills the transaction. An error of `build` ends it. slow_down after
// `attempts_max` lost races.
Result<void> transact(const Context& context, kv::PartitionId partition,
                      const std::function<Result<void>(Transaction&)>& build, Fate* fate = nullptr);

// The versions of one key inside a transaction. At most one change a key and transaction.
class KeyChange {
  public:
    // Reads rows `o` and `t` and conditions the transaction on both.
    static Result<KeyChange> read(Transaction& transaction, std::string key);

    const std::string& key() const { return key_; }
    // The current object; nullptr if there is none or a delete marker is current.
    const meta::ObjectRecord* object() const;
    // The current version, object or delete marker.
    const meta::ObjectRecord* head() const { return head_ ? &*head_ : nullptr; }
    // What the next version of the key will be called.
    const meta::Version& next_version() const { return next_version_; }

    // Makes `record` the current version, as the bucket's versioning has it: an older one is kept
    // or replaced. Sets its version, null_version and null_at; rows that belong to the version
    // (`d`) are the caller's.
    Result<void> put(meta::ObjectRecord& record, meta::JournalOperation operation);

    struct Removed {
        bool found = false;
        bool delete_marker = false;  // a marker was made, or the removed version was one
        std::string
            version_id;  // of the marker made or the version removed; empty in unversioned buckets
    };
    // DELETE without a version id: removes the object, or puts a delete marker where versions are
    // kept.
    Result<Removed> remove(meta::JournalOperation operation = meta::JOURNAL_REMOVE);
    // DELETE of one version, for good.
    struct Target {
        meta::ObjectRecord record;
        std::string bytes;
        bool is_head = false;
    };
    // The version with this id; nullopt if there is none. Conditions the transaction on it.
    Result<std::optional<Target>> find_version(const meta::VersionName& name);
    Result<Removed> remove_version(const Target& target);

    // Takes the key's only version away without reclaiming its bytes, which another key of the
    // transaction takes over.
    void move_away();

  private:
    KeyChange(Transaction& transaction, std::string key)
        : transaction_(transaction), key_(std::move(key)) {}

    std::string head_row() const;
    void put_head(const meta::ObjectRecord& record);
    void drop_head_row(bool new_is_marker);
    void keep_head_as_version();
    Result<void> drop_null_at();
    Result<void> discard_body(const meta::ObjectRecord& record);
    Result<void> promote();
    void journal(meta::JournalOperation operation, const meta::Version& version,
                 const meta::ObjectRecord* current);

    Transaction& transaction_;
    std::string key_;
    std::optional<meta::ObjectRecord> head_;
    meta::Version next_version_;
    std::optional<meta::ObjectRecord> after_;  // the head after the change
    std::int64_t bytes_delta_ = 0;
    std::int64_t versions_delta_ = 0;
};

}  // namespace weir::store
