#include "inspect/verify.h"

#include <fmt/format.h>

#include <vector>

#include "base/bytes.h"
#include "hash/crc.h"

namespace weir::inspect {

Result<std::optional<std::string>> verify_blocks(const blob::Reader& reader, std::uint64_t offset,
                                                 const meta::BlockChecksums& blocks,
                                                 const std::function<void(std::uint64_t)>& pace) {
    const std::uint64_t block_bytes = blocks.block_bytes();
    const std::uint64_t count =
        block_bytes == 0 ? 0 : (blocks.length() + block_bytes - 1) / block_bytes;
    if (count != static_cast<std::uint64_t>(blocks.crc64nvme_size()) || count == 0)
        return fmt::format("the checksum row has {} blocks for {} bytes", blocks.crc64nvme_size(),
                           blocks.length());
    if (reader.size_bytes() < offset + blocks.length())
        return fmt::format("the blob ends at {}, its checksums reach to {}", reader.size_bytes(),
                           offset + blocks.length());
    std::vector<std::byte> buffer(block_bytes);
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

std::optional<std::string> verify_inline(const std::string& bytes,
                                         const meta::ObjectRecord& record) {
    if (bytes.size() != record.size_bytes())
        return fmt::format("the inline body has {} bytes, the record says {}", bytes.size(),
                           record.size_bytes());
    if (hash::crc64nvme(0, as_bytes(bytes)) != record.crc64nvme())
        return "the inline body is not what was written";
    return std::nullopt;
}

}  // namespace weir::inspect
