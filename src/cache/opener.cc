#include "cache/opener.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cache/range_lock.h"
#include "hash/crc.h"

namespace weir::cache {
namespace {

// Blocks are compared in pieces of this size.
constexpr std::size_t piece_bytes = std::size_t{1} << 20;

bool is_no_entry(const Error& error) {
    return error.code() == Code::corrupt || error.code() == Code::not_found;
}

Result<std::uint64_t> crc_of(const File& file, std::uint64_t offset, std::uint64_t bytes,
                             std::vector<std::byte>& buffer) {
    std::uint64_t crc = 0;
    while (bytes > 0) {
        const auto piece = std::span(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(bytes, buffer.size())));
        TRY_VOID(file.read_at(offset, piece));
        crc = hash::crc64nvme(crc, piece);
        offset += piece.size();
        bytes -= piece.size();
    }
    return crc;
}

// It says that it is complete, and is not; or it was found to be wrong.
bool is_of_no_use(const StateFacts& facts, const State& state) {
    const std::uint64_t blocks = facts.layout.blocks;
    return state.has(dropped_flag) ||
           (state.has(complete_flag) && state.first_missing(0, blocks) < blocks);
}

}  // namespace

NewState Opener::new_state(const ObjectIdentity& identity) const {
    return NewState{.identity = identity,
                    .block_bytes = block_bytes_,
                    .data = {},
                    .boot_id = boot_id_,
                    .last_use = ground_->clock->now()};
}

Result<OpenedEntry> Opener::open(const std::string& id, const ObjectIdentity& identity) const {
    for (;;) {
        std::optional<EntryFiles> files;
        bool useless = false;
        {
            TRY(const IndexLock lock, ground_->index->lock_name(id));
            TRY(files, find(id));
            if (files) {
                TRY(useless, take(*files));
            }
        }
        if (useless) {
            TRY_VOID(ground_->budget->remove_entry(id, files->facts.data));
            continue;
        }
        if (!files) {
            TRY(files, create(id, identity));
        }
        TRY(std::optional<OpenedEntry> opened, use(id, *std::move(files)));
        if (opened) return *std::move(opened);
    }
}

// Nobody removes it from here on; or it is being removed now, which use() finds out.
Result<bool> Opener::take(EntryFiles& files) const {
    TRY(const bool ours, try_lock(files.state, LockKind::shared, in_use_byte));
    if (!ours) return false;
    TRY(const State state, State::map(files.state, files.facts));
    return is_of_no_use(files.facts, state);
}

Result<std::optional<EntryFiles>> Opener::find(const std::string& id) const {
    Result<EntryFiles> files = ground_->shelf->open(id);
    if (files) return *std::move(files);
    if (is_no_entry(files.error())) return std::nullopt;
    return fail(files.error());
}

// Reserved before the name is locked: to make room, others' names are.
Result<EntryFiles> Opener::create(const std::string& id, const ObjectIdentity& identity) const {
    TRY(const StateLayout layout,
        state_layout(identity.size_bytes, block_bytes_, encode(identity).size()));
    Budget& budget = *ground_->budget;
    TRY_VOID(budget.reserve(layout.file_bytes));
    bool made = false;
    Result<EntryFiles> files = budget.with_room(layout.file_bytes, [&]() -> Result<EntryFiles> {
        TRY(const IndexLock lock, ground_->index->lock_name(id));
        TRY(std::optional<EntryFiles> found, find(id));
        if (found) return *std::move(found);
        made = true;
        return ground_->shelf->create(id, new_state(identity));
    });
    if (!files || !made) budget.release(layout.file_bytes);
    return files;
}

Result<std::optional<OpenedEntry>> Opener::use(const std::string& id, EntryFiles files) const {
    // At once, but for somebody who evicts it.
    TRY_VOID(wait_lock(files.state, LockKind::shared, in_use_byte));
    TRY(State state, State::map(files.state, files.facts));
    TRY_VOID(trust(files, state));
    // It may have been evicted before it was ours, and another made in its place.
    TRY(const IndexLock lock, ground_->index->lock_name(id));
    TRY(const std::optional<EntryFiles> named, find(id));
    if (!named || named->facts.data != files.facts.data) return std::nullopt;
    return OpenedEntry{.files = std::move(files), .state = std::move(state)};
}

// Whoever uses the entry has been here, and so nobody does while its boot is another.
Result<void> Opener::trust(EntryFiles& files, State& state) const {
    if (state.boot_id() == boot_id_ || state.has(durable_flag)) return {};
    TRY_VOID(wait_lock(files.state, LockKind::exclusive, settling_byte));
    Result<void> compared = state.boot_id() == boot_id_ ? Result<void>() : compare(files, state);
    unlock(files.state, settling_byte);
    return compared;
}

Result<void> Opener::compare(EntryFiles& files, State& state) const {
    const StateFacts& facts = files.facts;
    state.distrust();
    std::vector<std::byte> buffer(piece_bytes);
    std::uint64_t lost = 0;
    for (std::uint64_t block = state.first_present(0, facts.layout.blocks);
         block < facts.layout.blocks; block = state.first_present(block + 1, facts.layout.blocks)) {
        const std::uint64_t offset = block * facts.block_bytes;
        const std::uint64_t bytes = std::min(facts.block_bytes, facts.identity.size_bytes - offset);
        const Result<std::uint64_t> crc = crc_of(files.data, offset, bytes, buffer);
        if (crc && *crc == state.crc(block)) continue;
        state.clear_present(block);
        ++lost;
        TRY_VOID(files.data.punch(offset, bytes));
    }
    // The budget hears of what was punched when it counts next.
    if (lost > 0)
        ground_->log->info("cache: {}: {} blocks did not outlast the power cut",
                           facts.identity.describe(), lost);
    state.set_boot_id(boot_id_);
    return {};
}

}  // namespace weir::cache
