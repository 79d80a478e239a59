// Renaming, of one key or of all under a prefix: one commit, whatever it is that is renamed. Where
// versions are not kept the version goes on under another name; where they are, the source's
// versions stay behind a delete marker and the new name shares their blobs (copy.cc).

#include <algorithm>

#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"
#include "store/sharing.h"

namespace weir::store {
namespace {

Result<void> changed() { return fail(Code::conflict, "the source changed while it was renamed"); }

// The key's only version goes on under the other's name, with the row that is its body.
Result<void> move_key(Transaction& transaction, KeyChange& source, KeyChange& target,
                      meta::ObjectRecord* record) {
    *record = *source.object();
    const bool has_row = record->body() == meta::BODY_INLINE || record->parts_count() > 0;
    const std::string source_row = meta::body_row(source.key(), record->version());
    std::optional<std::string> row_bytes;
    if (has_row) {
        TRY(row_bytes, transaction.get(source_row));
        if (!row_bytes) return changed();
    }
    source.move_away();
    TRY_VOID(target.put(*record, meta::JOURNAL_RENAME));
    if (has_row) {
        transaction.batch().remove(source_row);
        transaction.batch().put(meta::body_row(target.key(), record->version()),
                                *std::move(row_bytes));
    }
    return {};
}

// Whether the key is still what was shared.
bool is_as_shared(const KeyChange& source, const meta::ObjectRecord& shared) {
    return source.object() != nullptr && meta::encode(*source.object()) == meta::encode(shared);
}

kv::Range current_rows(const std::string& prefix) {
    return kv::prefix_range(meta::current_row(prefix));
}

}  // namespace

Result<void> ObjectStore::rename_moving(const Bucket& bucket, const RenameRequest& request,
                                        meta::ObjectRecord* record) {
    return transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
        if (transaction.fence().versioning() != meta::VERSIONING_UNSET) return changed();
        TRY(KeyChange source, KeyChange::read(transaction, request.source_key));
        if (source.object() == nullptr) return fail(Code::no_such_key);
        if (request.source_precondition) TRY_VOID(request.source_precondition(source.object()));
        TRY(KeyChange target, KeyChange::read(transaction, request.key));
        if (request.precondition) TRY_VOID(request.precondition(target.object()));
        return move_key(transaction, source, target, record);
    });
}

// Where versions are kept, the source's version stays under its old name behind a delete marker:
// both come with one commit.
Result<void> ObjectStore::rename_sharing(const Bucket& bucket, const RenameRequest& request,
                                         meta::ObjectRecord* record) {
    TRY(const Shared shared, share_source(bucket, request.source_key, std::nullopt,
                                          request.source_precondition, nullptr));
    Made made = made_of(shared);
    Fate fate = Fate::not_committed;
    const auto build = [&](Transaction& transaction) -> Result<void> {
        if (transaction.fence().versioning() == meta::VERSIONING_UNSET) return changed();
        TRY(KeyChange source, KeyChange::read(transaction, request.source_key));
        if (!is_as_shared(source, shared.record)) return changed();
        TRY(KeyChange target, KeyChange::read(transaction, request.key));
        if (request.precondition) TRY_VOID(request.precondition(target.object()));
        TRY_VOID(target.put(made.record, meta::JOURNAL_RENAME));
        put_body(transaction, request.key, made, shared);
        TRY_VOID(source.remove());
        return {};
    };
    Result<void> renamed = transact(context_, bucket.partition, build, &fate);
    if (fate == Fate::not_committed) release(shared.references);
    if (renamed) *record = std::move(made.record);
    return renamed;
}

Result<meta::ObjectRecord> ObjectStore::rename(const Bucket& bucket, const RenameRequest& request) {
    if (request.source_key == request.key)
        return fail(Code::invalid_request, "An object cannot be renamed to its own name.");
    constexpr int attempts_max = 100;
    for (int attempt = 0;; ++attempt) {
        meta::ObjectRecord record;
        TRY(const meta::Versioning mode, versioning(bucket));
        const Result<void> renamed = mode == meta::VERSIONING_UNSET
                                         ? rename_moving(bucket, request, &record)
                                         : rename_sharing(bucket, request, &record);
        if (renamed) return record;
        if (renamed.error().code() != Code::conflict || attempt == attempts_max)
            return fail(renamed.error());
    }
}

// All current keys under a prefix. That there are no others, neither where they come from nor where
// they go to, is a condition of the commit.
class ObjectStore::PrefixRename {
  public:
    PrefixRename(ObjectStore& store, const Bucket& bucket, const PrefixRenameRequest& request)
        : store_(store), bucket_(bucket), request_(request) {}

    Result<std::size_t> run() {
        constexpr int attempts_max = 20;
        for (int attempt = 0;; ++attempt) {
            TRY(const meta::Versioning mode, store_.versioning(bucket_));
            const Result<void> renamed = mode == meta::VERSIONING_UNSET ? move_all() : share_all();
            if (renamed) return keys_.size();
            if (renamed.error().code() != Code::conflict || attempt == attempts_max)
                return fail(renamed.error());
        }
    }

  private:
    // Of the least that a key takes in a batch: conditions on four rows, a put, a remove and two
    // journal entries.
    static constexpr std::size_t rows_a_key = 8;
    // Keys between two looks at how large the batch is.
    static constexpr std::size_t keys_a_look = 32;

    const Limits& limits() const { return store_.context_.limits; }

    std::string new_name(const std::string& key) const {
        return request_.prefix + key.substr(request_.source_prefix.size());
    }

    Result<void> read_keys(std::vector<kv::Row>& rows) {
        const std::size_t keys_max = limits().batch_rows_max / rows_a_key;
        TRY(rows, kv::read_rows(store_.context_.kv, bucket_.partition,
                                current_rows(request_.source_prefix), keys_max + 1));
        if (rows.empty()) return fail(Code::no_such_key);
        if (rows.size() > keys_max) return fail(Code::rename_too_large);
        keys_.clear();
        for (const kv::Row& row : rows) {
            std::string key = row.key.substr(1);
            if (new_name(key).size() > key_bytes_max) return fail(Code::key_too_long);
            keys_.push_back(std::move(key));
        }
        return {};
    }

    // An empty folder may be replaced, as rename(2) has it: one that is no more than its own name.
    Result<void> check_target(Transaction& transaction) const {
        const kv::Range range = current_rows(request_.prefix);
        TRY(std::vector<kv::Row> rows,
            kv::read_rows(store_.context_.kv, bucket_.partition, range, 2));
        transaction.batch().require_rows(range, rows.size());
        if (rows.empty()) return {};
        TRY(const meta::ObjectRecord record, meta::decode<meta::ObjectRecord>(rows.front().value));
        const bool is_empty_folder = rows.size() == 1 && record.size_bytes() == 0 &&
                                     rows.front().key == meta::current_row(request_.prefix);
        if (!is_empty_folder) return fail(Code::rename_target_not_empty);
        transaction.batch().require(std::move(rows.front().key), std::move(rows.front().value));
        return {};
    }

    // The keys that were read before are all there are.
    void require_no_other(Transaction& transaction) const {
        transaction.batch().require_rows(current_rows(request_.source_prefix), keys_.size());
    }

    using EachKey = std::function<Result<void>(KeyChange& source, KeyChange& target, std::size_t)>;

    Result<void> change_each(Transaction& transaction, const EachKey& change) const {
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            TRY(KeyChange source, KeyChange::read(transaction, keys_[i]));
            if (source.object() == nullptr) return changed();
            TRY(KeyChange target, KeyChange::read(transaction, new_name(keys_[i])));
            TRY_VOID(change(source, target, i));
            const bool look = i % keys_a_look == 0 || i + 1 == keys_.size();
            if (look && !transaction.fits()) return fail(Code::rename_too_large);
        }
        return {};
    }

    Result<void> move_all() {
        return transact(
            store_.context_, bucket_.partition, [&](Transaction& transaction) -> Result<void> {
                if (transaction.fence().versioning() != meta::VERSIONING_UNSET) return changed();
                std::vector<kv::Row> rows;
                TRY_VOID(read_keys(rows));
                require_no_other(transaction);
                TRY_VOID(check_target(transaction));
                return change_each(transaction,
                                   [&](KeyChange& source, KeyChange& target, std::size_t) {
                                       meta::ObjectRecord record;
                                       return move_key(transaction, source, target, &record);
                                   });
            });
    }

    Result<void> share_all() {
        std::vector<kv::Row> rows;
        TRY_VOID(read_keys(rows));
        std::vector<Shared> shared;
        Fate fate = Fate::not_committed;
        Result<void> renamed = share_each(rows, shared);
        if (renamed) renamed = commit_shared(shared, fate);
        if (fate == Fate::not_committed)
            for (const Shared& each : shared) store_.release(each.references);
        return renamed;
    }

    Result<void> share_each(const std::vector<kv::Row>& rows, std::vector<Shared>& shared) {
        // Before anything is shared, and while it is, what would not fit is known: the record and
        // the body of each key are in the batch at least once.
        std::size_t bytes = 0;
        for (const kv::Row& row : rows) bytes += row.value.size();
        for (const std::string& key : keys_) {
            if (bytes > limits().batch_bytes_max) return fail(Code::rename_too_large);
            Result<Shared> each = store_.share_source(bucket_, key, std::nullopt, nullptr, nullptr);
            // Removed since.
            if (!each && each.error().code() == Code::no_such_key) return changed();
            if (!each) return fail(std::move(each).error());
            bytes += each->inline_bytes.size();
            shared.push_back(*std::move(each));
        }
        return {};
    }

    Result<void> commit_shared(const std::vector<Shared>& shared, Fate& fate) {
        const auto build = [&](Transaction& transaction) -> Result<void> {
            if (transaction.fence().versioning() == meta::VERSIONING_UNSET) return changed();
            require_no_other(transaction);
            TRY_VOID(check_target(transaction));
            return change_each(
                transaction,
                [&](KeyChange& source, KeyChange& target, std::size_t i) -> Result<void> {
                    if (!is_as_shared(source, shared[i].record)) return changed();
                    Made made = made_of(shared[i]);
                    TRY_VOID(target.put(made.record, meta::JOURNAL_RENAME));
                    put_body(transaction, target.key(), made, shared[i]);
                    TRY_VOID(source.remove());
                    return {};
                });
        };
        return transact(store_.context_, bucket_.partition, build, &fate);
    }

    ObjectStore& store_;
    const Bucket& bucket_;
    const PrefixRenameRequest& request_;
    std::vector<std::string> keys_;
};

Result<std::size_t> ObjectStore::rename_prefix(const Bucket& bucket,
                                               const PrefixRenameRequest& request) {
    if (request.prefix.starts_with(request.source_prefix))
        return fail(Code::invalid_request, "A prefix cannot be renamed to one within itself.");
    return PrefixRename(*this, bucket, request).run();
}

}  // namespace weir::store
