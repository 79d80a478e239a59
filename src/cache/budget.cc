#include "cache/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/limits.h"

namespace weir::cache {

Result<void> Budget::count() {
    TRY(const std::uint64_t entries, shelf_->count([](const SeenEntry&) {}));
    TRY(const std::uint64_t writes, writes_->count());
    index_->set_used(entries + writes);
    return {};
}

Result<void> Budget::reserve(std::uint64_t bytes) {
    if (index_->add(bytes) <= bytes_max_) return {};
    Result<void> evicted = fail(Code::no_space);
    // Others may take what was made room for; whoever finds nothing to evict gives up.
    while (bytes <= bytes_max_ && !known_to_be_full()) {
        evicted = evict_to_budget(bytes);
        if (!evicted) break;
        if (index_->used_bytes() <= bytes_max_) return {};
    }
    index_->subtract(bytes);
    if (!evicted && evicted.error().code() != Code::no_space) return evicted;
    return fail(Code::no_space,
                fmt::format("the cache's {} bytes are all in use, pinned or written and not "
                            "uploaded",
                            bytes_max_));
}

Result<void> Budget::evict_to_budget(std::uint64_t pending) {
    TRY(const IndexLock lock, index_->lock_evicting());
    if (index_->used_bytes() <= bytes_max_) return {};
    const std::uint64_t releases = index_->releases();
    TRY(std::vector<SeenEntry> entries, count_anew(pending));
    const std::uint64_t low_water = bytes_max_ / 100 * cache_low_water_percent;
    const std::uint64_t used = index_->used_bytes();
    const std::uint64_t aim = std::max(low_water, pending);
    if (used > aim) TRY_VOID(evict(std::move(entries), used - aim));
    if (index_->used_bytes() <= bytes_max_) return {};
    remember_full(releases);
    return fail(Code::no_space);
}

Result<void> Budget::make_room(std::uint64_t pending) {
    if (known_to_be_full()) return fail(Code::no_space);
    TRY(const IndexLock lock, index_->lock_evicting());
    const std::uint64_t releases = index_->releases();
    TRY(std::vector<SeenEntry> entries, count_anew(pending));
    TRY(const std::uint64_t freed, evict(std::move(entries), pending));
    if (freed > 0) return {};
    remember_full(releases);
    return fail(Code::no_space);
}

Result<void> Budget::remove_entry(const std::string& id, const FileNumber& data) {
    TRY(const IndexLock counting, lock_counting());
    TRY(const IndexLock name, index_->lock_name(id));
    const Result<EntryFiles> named = shelf_->open(id);
    if (!named || named->facts.data != data) return {};
    TRY(const std::uint64_t freed, shelf_->remove(id));
    index_->subtract(freed);
    return {};
}

Result<void> Budget::remove_write(const std::string& id, std::uint64_t bytes) {
    TRY(const IndexLock counting, lock_counting());
    TRY_VOID(writes_->remove(id));
    index_->subtract(bytes);
    return {};
}

Result<std::vector<SeenEntry>> Budget::count_anew(std::uint64_t pending) {
    const std::uint64_t counter = index_->counter();
    std::vector<SeenEntry> entries;
    TRY(const std::uint64_t entry_bytes,
        shelf_->count([&](SeenEntry seen) { entries.push_back(std::move(seen)); }));
    TRY(const std::uint64_t write_bytes, writes_->count());
    index_->correct(counter, entry_bytes + write_bytes + pending);
    return entries;
}

Result<std::uint64_t> Budget::evict(std::vector<SeenEntry> entries, std::uint64_t bytes) {
    std::ranges::sort(entries, {}, [](const SeenEntry& entry) {
        return std::tuple(entry.last_use, entry.complete);
    });
    Evicted gone;
    for (const SeenEntry& entry : entries) {
        if (gone.bytes >= bytes) break;
        if (entry.pinned) continue;
        std::uint64_t freed = 0;
        TRY(const bool evicted, shelf_->evict(entry, freed));
        if (!evicted) continue;
        index_->subtract(freed);
        gone.bytes += freed;
        ++gone.entries;
    }
    if (gone.entries > 0)
        log_->debug("cache: evicted {} entries of {} bytes", gone.entries, gone.bytes);
    const MutexLock lock(mutex_);
    evicted_.entries += gone.entries;
    evicted_.bytes += gone.bytes;
    return gone.bytes;
}

bool Budget::known_to_be_full() const {
    const MutexLock lock(mutex_);
    return full_releases_ == index_->releases() && std::chrono::steady_clock::now() < full_until_;
}

void Budget::remember_full(std::uint64_t releases) {
    const MutexLock lock(mutex_);
    full_releases_ = releases;
    full_until_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(cache_full_retry_ms);
}

Budget::Evicted Budget::evicted() const {
    const MutexLock lock(mutex_);
    return evicted_;
}

}  // namespace weir::cache
