#include "store/journal_trimmer.h"

#include <algorithm>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/records.h"

namespace weir::store {
namespace {

// A journal is trimmed by whole runs, each this part of what is kept.
constexpr std::uint64_t runs_kept = 64;

}  // namespace

void JournalTrimmer::end_pass() {
    std::erase_if(counted_, [this](const auto& each) { return each.second.pass != pass_; });
}

Result<void> JournalTrimmer::count_new(kv::PartitionId partition, Counted& counted) const {
    const std::uint64_t run_bytes = context_.settings.journal_keep_bytes / runs_kept;
    const kv::Range fresh{kv::journal_key(counted.upto + 1),
                          kv::prefix_range(std::string(1, kv::journal_prefix)).end};
    return kv::scan_all(context_.kv, partition, fresh,
                        [&](std::string_view key, std::string_view value) {
                            counted.upto = kv::journal_sequence(key);
                            if (counted.runs.empty() || counted.runs.back().bytes >= run_bytes)
                                counted.runs.push_back({.first = counted.upto});
                            const std::uint64_t bytes = key.size() + value.size();
                            counted.runs.back().bytes += bytes;
                            counted.bytes += bytes;
                            return true;
                        });
}

Result<kv::Sequence> JournalTrimmer::first_young(kv::PartitionId partition, UnixNanos now) const {
    if (now < context_.settings.journal_keep_nanos) return 0;
    const UnixNanos oldest = now - context_.settings.journal_keep_nanos;
    kv::Sequence keep_from = 0;
    Result<void> outcome;
    TRY_VOID(
        kv::scan_all(context_.kv, partition, kv::prefix_range(std::string(1, kv::journal_prefix)),
                     [&](std::string_view key, std::string_view value) {
                         Result<meta::JournalEntry> entry = meta::decode<meta::JournalEntry>(value);
                         if (!entry) {
                             outcome = fail(std::move(entry).error());
                             return false;
                         }
                         if (entry->time_nanos() >= oldest) return false;
                         keep_from = kv::journal_sequence(key) + 1;
                         return true;
                     }));
    TRY_VOID(outcome);
    return keep_from;
}

// The newest run stays, however big.
kv::Sequence JournalTrimmer::first_within_bytes(const Counted& counted) const {
    std::uint64_t bytes = counted.bytes;
    std::size_t dropped = 0;
    while (dropped + 1 < counted.runs.size() && bytes > context_.settings.journal_keep_bytes)
        bytes -= counted.runs[dropped++].bytes;
    return dropped == 0 ? 0 : counted.runs[dropped].first;
}

Result<void> JournalTrimmer::drop(kv::PartitionId partition, kv::Sequence keep_from,
                                  Counted& counted) const {
    // First the mark, so that a follower never takes a trimmed journal for a whole one.
    kv::Batch mark;
    std::string value;
    append_be64(value, keep_from);
    mark.put(std::string(meta::journal_low_water_row), std::move(value));
    TRY_VOID(kv::commit_and_wait(context_.kv, partition, std::move(mark)));
    TRY_VOID(context_.kv.trim_journal(partition, keep_from));
    // Of a run that went in part, all is counted on until the rest goes too.
    while (!counted.runs.empty()) {
        const kv::Sequence end = counted.runs.size() > 1 ? counted.runs[1].first : counted.upto + 1;
        if (end > keep_from) break;
        counted.bytes -= counted.runs.front().bytes;
        counted.runs.pop_front();
    }
    return {};
}

Result<void> JournalTrimmer::trim(kv::PartitionId partition, UnixNanos now) {
    Counted& counted = counted_[partition.value()];
    counted.pass = pass_;
    TRY_VOID(count_new(partition, counted));
    TRY(const kv::Sequence young, first_young(partition, now));
    const kv::Sequence keep_from = std::max(young, first_within_bytes(counted));
    if (keep_from == 0) return {};
    return drop(partition, keep_from, counted);
}

}  // namespace weir::store
