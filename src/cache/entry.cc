#include "cache/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "cache/claim.h"
#include "cache/range_lock.h"

namespace weir::cache {
namespace {

// settling_byte, for a time. The mutex keeps the threads apart, which share the file's locks.
class SettlingLock {
  public:
    static Result<SettlingLock> take(const File& state) {
        TRY_VOID(wait_lock(state, LockKind::exclusive, settling_byte));
        return SettlingLock(state);
    }
    SettlingLock(SettlingLock&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    SettlingLock& operator=(SettlingLock&&) = delete;
    ~SettlingLock() {
        if (state_ != nullptr) unlock(*state_, settling_byte);
    }

  private:
    explicit SettlingLock(const File& state) : state_(&state) {}
    const File* state_;
};

}  // namespace

Entry::Entry(const EntryGround& ground, std::string id, EntryFiles files, State state)
    : ground_(ground),
      id_(std::move(id)),
      files_(std::move(files)),
      facts_(files_.facts),
      state_(std::move(state)) {
    state_.touch(ground_.clock->now());
}

Entry::~Entry() {
    state_.touch(ground_.clock->now());
    unlock(files_.state, in_use_byte);
    ground_.budget->note_release();
}

void Entry::unpin() {
    state_.clear_pin();
    ground_.budget->note_release();
}

std::uint64_t Entry::bytes_of(std::uint64_t block) const {
    return std::min(block_bytes(), size_bytes() - block * block_bytes());
}

std::uint64_t Entry::pages_of(std::uint64_t block) const {
    return (bytes_of(block) + state_page_bytes - 1) / state_page_bytes * state_page_bytes;
}

std::uint64_t Entry::end_block(ByteRange range) const {
    if (range.length == 0) return first_block(range);
    return (range.offset + range.length - 1) / block_bytes() + 1;
}

Result<void> Entry::check_range(ByteRange range) const {
    if (dropped()) return fail(not_what_the_store_says());
    if (range.offset > size_bytes() || range.length > size_bytes() - range.offset)
        return fail(Code::invalid_range,
                    fmt::format("{} has {} bytes", identity().describe(), size_bytes()));
    return {};
}

Error Entry::not_what_the_store_says() const {
    return Error(Code::corrupt,
                 fmt::format("{}: the bytes that came have another CRC64NVME than the store "
                             "gives; they are dropped from the cache",
                             identity().describe()));
}

bool Entry::present(ByteRange range) const {
    if (!check_range(range)) return false;
    const std::uint64_t end = end_block(range);
    return state_.first_missing(first_block(range), end) == end;
}

std::uint64_t Entry::present_bytes(std::uint64_t offset) const {
    if (!check_range({.offset = offset})) return 0;
    const std::uint64_t missing = state_.first_missing(offset / block_bytes(), blocks());
    const std::uint64_t end = std::min(missing * block_bytes(), size_bytes());
    return end > offset ? end - offset : 0;
}

std::uint64_t Entry::present_bytes() const {
    std::uint64_t bytes = 0;
    for (std::uint64_t begin = state_.first_present(0, blocks()); begin < blocks();) {
        const std::uint64_t end = state_.first_missing(begin, blocks());
        bytes += std::min(end * block_bytes(), size_bytes()) - begin * block_bytes();
        begin = state_.first_present(end, blocks());
    }
    return bytes;
}

// Bytes that were discarded while they were read are zeros: the bits are cleared before, and the
// discard is counted between, so whoever finds neither changed has read what was there.
Result<void> Entry::read(std::uint64_t offset, std::span<std::byte> out) const {
    const ByteRange range{.offset = offset, .length = out.size()};
    TRY_VOID(check_range(range));
    state_.touch(ground_.clock->now());
    if (complete()) return files_.data.read_at(offset, out);
    for (;;) {
        const std::uint64_t discards = state_.discards();
        if (!present(range)) return fail(Code::would_block);
        TRY_VOID(files_.data.read_at(offset, out));
        if (present(range) && state_.discards() == discards) return check_range(range);
    }
}

Result<void> Entry::wait(ByteRange range, Deadline deadline) const {
    const std::chrono::nanoseconds poll = std::chrono::milliseconds(cache_claim_poll_ms);
    for (;;) {
        TRY_VOID(check_range(range));
        const std::uint64_t end = end_block(range);
        const std::uint64_t block = state_.first_missing(first_block(range), end);
        if (block == end) return {};
        const std::uint32_t word = state_.wake_word(block);
        TRY(const bool fetched, claimed(block));
        if (state_.present(block)) continue;
        if (!fetched) return fail(Code::would_block);
        const std::chrono::nanoseconds left = deadline - std::chrono::steady_clock::now();
        if (left.count() <= 0) return fail(Code::timeout);
        // Who dies wakes nobody.
        state_.sleep(block, word, std::min(left, poll));
    }
}

Result<bool> Entry::claimed(std::uint64_t block) const {
    {
        const MutexLock lock(mutex_);
        if (claimed_.contains(block)) return true;
    }
    return locked_elsewhere(files_.state, claims_begin + block);
}

bool Entry::try_claim(std::uint64_t block, Result<bool>& locked) {
    const MutexLock lock(mutex_);
    if (state_.present(block) || claimed_.contains(block)) return false;
    locked = try_lock(files_.state, LockKind::exclusive, claims_begin + block);
    if (!locked || !*locked) return false;
    // Somebody else may have filled it in before we had it.
    if (state_.present(block)) {
        unlock(files_.state, claims_begin + block);
        return false;
    }
    claimed_.insert(block);
    return true;
}

void Entry::release(std::uint64_t block) {
    {
        const MutexLock lock(mutex_);
        unlock(files_.state, claims_begin + block);
        claimed_.erase(block);
    }
    state_.wake(block);
}

Result<std::optional<Claim>> Entry::claim(ByteRange range) {
    TRY_VOID(check_range(range));
    TRY_VOID(settle_if_full());
    const std::uint64_t end = end_block(range);
    Result<bool> locked = false;
    std::uint64_t begin = state_.first_missing(first_block(range), end);
    while (begin < end && !try_claim(begin, locked)) {
        if (!locked) return fail(locked.error());
        begin = state_.first_missing(begin + 1, end);
    }
    if (begin >= end) return std::nullopt;
    std::uint64_t claimed_end = begin + 1;
    while (claimed_end < end && try_claim(claimed_end, locked)) ++claimed_end;
    return std::optional<Claim>(Claim(shared_from_this(), begin, claimed_end));
}

Result<void> Entry::fill_in(std::uint64_t block, std::uint64_t crc) {
    state_.set_present(block, crc);
    release(block);
    return settle_if_full();
}

Result<void> Entry::settle_if_full() {
    if (complete() || state_.first_missing(0, blocks()) < blocks()) return {};
    const MutexLock lock(settling_);
    TRY(const SettlingLock here, SettlingLock::take(files_.state));
    return settle();
}

Result<void> Entry::settle() {
    if (dropped()) return fail(not_what_the_store_says());
    if (complete() || state_.first_missing(0, blocks()) < blocks()) return {};
    const std::optional<std::uint64_t> expected = state_.whole_crc();
    if (expected && *expected != state_.combined_crc()) return drop();
    if (expected) state_.set(verified_flag);
    state_.set(complete_flag);
    ground_.completed(shared_from_this());
    return {};
}

Result<void> Entry::expect_crc(std::uint64_t crc) {
    if (state_.whole_crc() == crc && complete() == verified()) return {};
    const MutexLock lock(settling_);
    TRY(const SettlingLock here, SettlingLock::take(files_.state));
    if (dropped()) return fail(not_what_the_store_says());
    const std::optional<std::uint64_t> before = state_.whole_crc();
    // The store contradicts itself: one of the two was about other bytes.
    if (before && *before != crc) return drop();
    state_.set_whole_crc(crc);
    if (!complete() || verified()) return {};
    if (state_.combined_crc() != crc) return drop();
    state_.set(verified_flag);
    return {};
}

Result<void> Entry::drop() {
    state_.set(dropped_flag);
    state_.wake_all();
    ground_.log->error("cache: {}", not_what_the_store_says().message());
    TRY_VOID(ground_.budget->remove_entry(id_, facts_.data));
    return fail(not_what_the_store_says());
}

Result<void> Entry::discard(ByteRange range) {
    TRY_VOID(check_range(range));
    const std::uint64_t begin = (range.offset + block_bytes() - 1) / block_bytes();
    const bool to_the_end = range.offset + range.length == size_bytes();
    const std::uint64_t end = to_the_end ? blocks() : (range.offset + range.length) / block_bytes();
    if (begin >= end) return {};
    const MutexLock lock(settling_);
    TRY(const SettlingLock here, SettlingLock::take(files_.state));
    if (complete())
        return fail(Code::conflict, fmt::format("{} is complete", identity().describe()));
    return discard_blocks(begin, end);
}

Result<void> Entry::discard_blocks(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t block = state_.first_present(begin, end); block < end;
         block = state_.first_present(block + 1, end))
        TRY_VOID(discard_block(block));
    return {};
}

// Claimed while it goes: who claims it next may write only after the hole is made.
Result<void> Entry::discard_block(std::uint64_t block) {
    {
        const MutexLock lock(mutex_);
        TRY(const bool locked, try_lock(files_.state, LockKind::exclusive, claims_begin + block));
        if (claimed_.contains(block) || !locked) return {};
        claimed_.insert(block);
    }
    state_.clear_present(block);
    state_.count_discard();
    Result<void> punched = files_.data.punch(block * block_bytes(), bytes_of(block));
    if (punched) ground_.budget->release(pages_of(block));
    release(block);
    return punched;
}

Result<int> Entry::descriptor() const {
    TRY_VOID(check_range({}));
    if (!complete()) return fail(Code::would_block);
    const MutexLock lock(mutex_);
    if (to_read_.get() < 0) {
        TRY(to_read_, files_.data.reopen_to_read());
    }
    return to_read_.get();
}

Result<void> Entry::make_durable() {
    if (!complete() || durable() || dropped()) return {};
    TRY_VOID(files_.data.sync());
    state_.set(durable_flag);
    return files_.state.sync();
}

}  // namespace weir::cache
