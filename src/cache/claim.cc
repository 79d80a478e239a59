#include "cache/claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/mutex.h"
#include "hash/crc.h"
#include "hash/crc_combine.h"

namespace weir::cache {
namespace {

// Where a block's place is known ext4 writes it in half the time.
constexpr std::uint64_t allocated_bytes_min = 256 * KiB;

}  // namespace

Claim::Claim(std::shared_ptr<Entry> entry, std::uint64_t begin_block, std::uint64_t end_block)
    : entry_(std::move(entry)), block_(begin_block), end_(end_block) {}

Claim::Claim(Claim&& other) noexcept
    : entry_(std::move(other.entry_)),
      block_(std::exchange(other.block_, 0)),
      end_(std::exchange(other.end_, 0)),
      filled_(std::exchange(other.filled_, 0)),
      crc_(other.crc_),
      reserved_(std::exchange(other.reserved_, false)) {}

Claim::~Claim() {
    if (reserved_) abandon_block();
    for (; block_ < end_; ++block_) entry_->release(block_);
}

ByteRange Claim::range() const {
    if (block_ == end_) return {};
    const std::uint64_t begin = block_ * entry_->block_bytes() + filled_;
    return {.offset = begin,
            .length = std::min(end_ * entry_->block_bytes(), entry_->size_bytes()) - begin};
}

Result<void> Claim::fill(std::span<const std::byte> bytes, std::optional<std::uint64_t> crc64nvme) {
    CHECK(bytes.size() <= range().length);
    while (!bytes.empty()) {
        const std::uint64_t left = entry_->bytes_of(block_) - filled_;
        const auto piece =
            bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left, bytes.size())));
        const bool known = crc64nvme && piece.size() == bytes.size();
        Result<void> filled = fill_block(piece, known ? *crc64nvme : hash::crc64nvme(0, piece));
        if (!filled) {
            if (reserved_) abandon_block();
            return filled;
        }
        bytes = bytes.subspan(piece.size());
        // It was the CRC of more than what is left.
        crc64nvme.reset();
    }
    return {};
}

Result<void> Claim::fill_block(std::span<const std::byte> bytes, std::uint64_t crc64nvme) {
    if (entry_->dropped()) return fail(entry_->is_dropped());
    Budget& budget = *entry_->ground_.budget;
    const std::uint64_t offset = block_ * entry_->block_bytes() + filled_;
    const bool first = !reserved_;
    if (first) TRY_VOID(budget.reserve(entry_->pages_of(block_)));
    reserved_ = true;
    const auto write = [&]() -> Result<void> {
        // In the kernel they would spin for the file's lock.
        const MutexLock lock(entry_->writing_);
        if (first && entry_->bytes_of(block_) >= allocated_bytes_min)
            TRY_VOID(entry_->files_.data.allocate(offset, entry_->bytes_of(block_)));
        return entry_->files_.data.write_at(offset, bytes);
    };
    TRY_VOID(budget.with_room(entry_->pages_of(block_), write));
    crc_ = hash::combine(hash::Algorithm::crc64nvme, crc_, crc64nvme, bytes.size());
    filled_ += bytes.size();
    if (filled_ < entry_->bytes_of(block_)) return {};
    // From here on the block is the entry's.
    reserved_ = false;
    filled_ = 0;
    const std::uint64_t crc = std::exchange(crc_, 0);
    return entry_->fill_in(block_++, crc);
}

// Of a block that is not whole. What could not be given back to the disk is found by the next
// count; the budget does not know it any more.
void Claim::abandon_block() {
    const Result<void> punched =
        entry_->files_.data.punch(block_ * entry_->block_bytes(), entry_->bytes_of(block_));
    if (!punched) entry_->ground_.log->warn("cache: {}", punched.error().describe());
    entry_->ground_.budget->release(entry_->pages_of(block_));
    reserved_ = false;
    filled_ = 0;
    crc_ = 0;
}

}  // namespace weir::cache
