#include "store/journal.h"

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/records.h"

namespace weir::store {

Result<JournalReader> JournalReader::open(ObjectStore& store, Bucket bucket, std::string prefix,
                                          std::optional<kv::Sequence> after) {
    JournalReader reader(store, std::move(bucket), std::move(prefix));
    TRY(const kv::Sequence last,
        or_no_bucket(store.context().kv.last_sequence(reader.bucket_.partition)));
    reader.position_ = after.value_or(last);
    TRY_VOID(reader.check_kept(last));
    return reader;
}

// The name may lead to another bucket by now.
Result<void> JournalReader::check_bucket() const {
    TRY(const Bucket now, store_->find_bucket(bucket_.name));
    if (now.partition != bucket_.partition) return fail(Code::no_such_bucket);
    return {};
}

Result<void> JournalReader::check_kept(kv::Sequence last) const {
    // A database that was restored from a backup may not know what was read from it.
    if (position_ > last) return fail(Code::journal_gone);
    TRY(const std::optional<std::string> mark,
        read_row(store_->context().kv, bucket_.partition, std::string(meta::journal_low_water_row),
                 Wait::yes));
    if (!mark) return {};
    if (mark->size() != sizeof(kv::Sequence))
        return fail(Code::corrupt, "the journal's low-water row is not one");
    if (read_be64(*mark) > position_ + 1) return fail(Code::journal_gone);
    return {};
}

// One page of the engine's at most, whatever the prefix leaves out. Gives the new position.
Result<kv::Sequence> JournalReader::read(kv::Sequence last, std::size_t bytes_max,
                                         JournalPage& page) const {
    if (position_ == last) return last;
    kv::Sequence position = position_;
    std::size_t bytes = 0;
    Result<void> outcome;
    bool full = false;
    const auto visit = [&](std::string_view key, std::string_view value) {
        Result<meta::JournalEntry> entry = meta::decode<meta::JournalEntry>(value);
        if (!entry) {
            outcome = fail(std::move(entry).error());
            return false;
        }
        position = kv::journal_sequence(key);
        if (entry->key().empty() || entry->key().starts_with(prefix_)) {
            bytes += value.size();
            page.lines.push_back({.sequence = position, .entry = *std::move(entry)});
        }
        full = bytes >= bytes_max;
        return !full;
    };
    TRY(const kv::ScanEnd end,
        or_no_bucket(store_->context().kv.scan(
            bucket_.partition, {kv::journal_key(position_ + 1), kv::journal_key(last + 1)},
            visit)));
    TRY_VOID(outcome);
    return full || end.resume ? position : last;
}

Result<JournalPage> JournalReader::next(std::size_t bytes_max) {
    TRY_VOID(check_bucket());
    TRY(const kv::Sequence last,
        or_no_bucket(store_->context().kv.last_sequence(bucket_.partition)));
    JournalPage page;
    TRY(const kv::Sequence position, read(last, bytes_max, page));
    // Afterwards: what was trimmed while it was read had been marked before.
    TRY_VOID(check_kept(std::max(last, position_)));
    position_ = position;
    page.current = position == last;
    return page;
}

}  // namespace weir::store
