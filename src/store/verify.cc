#include "store/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "hash/crc.h"
#include "meta/keys.h"
#include "meta/records.h"

namespace weir::store {

Result<std::optional<std::string>> verify_blocks(const blob::Reader& reader, std::uint64_t offset,
                                                 const meta::BlockChecksums& blocks,
                                                 const std::function<void(std::uint64_t)>& pace) {
    const std::uint64_t block_bytes = blocks.block_bytes();
    const std::uint64_t count =
        block_bytes == 0 ? 0 : (blocks.length() + block_bytes - 1) / block_bytes;
    if (count != static_cast<std::uint64_t>(blocks.crc64nvme_size()) || count == 0)
        return fmt::format("the checksum row has {} blocks for {} bytes", blocks.crc64nvme_size(),
                           blocks.length());
    if (offset > reader.size_bytes() || blocks.length() > reader.size_bytes() - offset)
        return fmt::format("the blob ends at {}, its checksums are of {} bytes at {}",
                           reader.size_bytes(), blocks.length(), offset);
    std::vector<std::byte> buffer(std::min(block_bytes, blocks.length()));
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t at = i * block_bytes;
        const std::span<std::byte> block =
            std::span(buffer).first(std::min<std::uint64_t>(block_bytes, blocks.length() - at));
        TRY_VOID(reader.read_at(offset + at, block));
        if (hash::crc64nvme(0, block) != blocks.crc64nvme(static_cast<int>(i)))
            return fmt::format("bytes {} to {} are not what was written", offset + at,
                               offset + at + block.size());
        pace(block.size());
    }
    return std::nullopt;
}

bool is_damage(const Error& error) {
    return error.code() == Code::corrupt || error.code() == Code::io_error ||
           error.code() == Code::not_found;
}

std::optional<std::string> verify_inline(const std::string& bytes,
                                         const meta::ObjectRecord& record) {
    if (bytes.size() != record.size_bytes())
        return fmt::format("the inline body has {} bytes, the record says {}", bytes.size(),
                           record.size_bytes());
    if (hash::crc64nvme(0, as_bytes(bytes)) != record.crc64nvme())
        return "the inline body is not what was written";
    return std::nullopt;
}

std::optional<std::string> verify_body_row(const Result<std::optional<std::string>>& row,
                                           const meta::ObjectRecord& record) {
    if (!row) return row.error().describe();
    if (!*row) return "its body row is missing";
    if (record.body() == meta::BODY_INLINE) return verify_inline(**row, record);
    const Result<meta::PartTable> table = meta::decode<meta::PartTable>(**row);
    if (!table) return table.error().describe();
    return std::nullopt;
}

RangeVerifier::RangeVerifier(kv::Engine& kv, Damage& damage, const meta::Extent& extent,
                             std::shared_ptr<const blob::Reader> reader)
    : kv_(kv),
      damage_(damage),
      extent_(extent),
      reader_(std::move(reader)),
      verified_to_(extent.offset()) {}

std::unexpected<Error> RangeVerifier::damaged(const std::string& what) {
    damage_.add(extent_.blob(), what);
    return fail(Code::corrupt, what);
}

Result<void> RangeVerifier::load() {
    if (loaded_) return {};
    const std::uint64_t end = extent_.offset() + extent_.length();
    kv::Range range = kv::prefix_range(meta::checksum_rows(extent_.blob()));
    range.end = meta::checksum_row(extent_.blob(), end);
    TRY_VOID(kv::each_row(
        kv_, kv::PartitionId(extent_.home()), range, [&](const kv::Row& row) -> Result<void> {
            const std::optional<meta::ChecksumRow> place = meta::parse_checksum_row(row.key);
            if (!place) return fail(Code::corrupt, "a checksum row has a key that is not one");
            Run run{.offset = place->offset, .blocks = {}};
            TRY(run.blocks, meta::decode<meta::BlockChecksums>(row.value));
            if (run.offset + run.blocks.length() > extent_.offset())
                runs_.push_back(std::move(run));
            return {};
        }));
    loaded_ = true;
    return {};
}

Result<void> RangeVerifier::verify(std::uint64_t offset, std::uint64_t length) {
    TRY_VOID(load());
    const std::uint64_t end = offset + length;
    std::uint64_t at = std::max(offset, verified_to_);
    std::vector<std::byte> buffer;
    for (const Run& run : runs_) {
        const std::uint64_t run_end = run.offset + run.blocks.length();
        if (run_end <= at) continue;
        if (at >= end || run.offset > at) break;
        TRY_VOID(verify_run(run, at, std::min(end, run_end), buffer));
        at = std::max(at, verified_to_);
    }
    // Reclaimed, most likely: the rows go before the blob. If not, fsck and scrub will tell.
    if (at < end)
        return fail(Code::conflict, fmt::format("bytes {} to {} have no checksums", at, end));
    return {};
}

Result<void> RangeVerifier::verify_run(const Run& run, std::uint64_t begin, std::uint64_t end,
                                       std::vector<std::byte>& buffer) {
    const std::uint64_t block_bytes = run.blocks.block_bytes();
    if (block_bytes == 0) return damaged("a checksum row without a block size");
    buffer.resize(std::min(block_bytes, run.blocks.length()));
    for (std::uint64_t i = (begin - run.offset) / block_bytes; run.offset + i * block_bytes < end;
         ++i) {
        const std::uint64_t at = run.offset + i * block_bytes;
        const std::span<std::byte> block =
            std::span(buffer).first(std::min(block_bytes, run.blocks.length() - i * block_bytes));
        TRY_VOID(reader_->read_at(at, block));
        if (i >= static_cast<std::uint64_t>(run.blocks.crc64nvme_size()) ||
            hash::crc64nvme(0, block) != run.blocks.crc64nvme(static_cast<int>(i)))
            return damaged(
                fmt::format("bytes {} to {} are not what was written", at, at + block.size()));
        verified_to_ = at + block.size();
    }
    return {};
}

}  // namespace weir::store
