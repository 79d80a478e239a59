#include <fmt/format.h>

#include "base/bytes.h"
#include "blob/store.h"

namespace weir::blob {

std::string BlobId::encode() const {
    std::string bytes;
    bytes.reserve(16);
    append_be32(bytes, static_cast<std::uint32_t>(volume) << 16 | region);
    append_be32(bytes, writer);
    append_be64(bytes, sequence);
    return bytes;
}

std::optional<BlobId> BlobId::decode(std::string_view bytes) {
    if (bytes.size() != 16) return std::nullopt;
    const std::uint32_t place = read_be32(bytes);
    return BlobId{.volume = static_cast<std::uint16_t>(place >> 16),
                  .region = static_cast<std::uint16_t>(place & 0xffff),
                  .writer = read_be32(bytes.substr(4)),
                  .sequence = read_be64(bytes.substr(8))};
}

std::string BlobId::text() const { return hex_encode(encode()); }

std::optional<BlobId> BlobId::parse(std::string_view text) {
    const std::optional<std::string> bytes = hex_decode(text);
    return bytes ? decode(*bytes) : std::nullopt;
}

}  // namespace weir::blob
