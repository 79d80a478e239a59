#include "cache/state_layout.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "base/bytes.h"
#include "base/limits.h"
#include "hash/crc.h"

namespace weir::cache {
namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(std::is_trivially_copyable_v<StateHeader> &&
              std::has_unique_object_representations_v<StateHeader>);
static_assert(state_head_bytes_max == sizeof(StateHeader) + cache_identity_bytes_max);

constexpr std::uint64_t bits_per_word = 64, word_bytes = 8;

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

std::uint64_t fixed_crc_of(const StateHeader& header, std::string_view identity) {
    const std::span<const std::byte> bytes = std::as_bytes(std::span(&header, 1));
    const std::uint64_t crc = hash::crc64nvme(0, bytes.first(offsetof(StateHeader, fixed_crc)));
    return hash::crc64nvme(crc, as_bytes(identity));
}

std::unexpected<Error> not_a_state() {
    return fail(Code::corrupt, "not the state of a cache's entry");
}

}  // namespace

Result<StateLayout> state_layout(std::uint64_t size_bytes, std::uint64_t block_bytes,
                                 std::size_t identity_bytes) {
    if (size_bytes > object_bytes_max || identity_bytes > cache_identity_bytes_max)
        return fail(Code::invalid_argument, "the object, or its name, is too large for a cache");
    if (block_bytes < cache_block_bytes_min || block_bytes > cache_block_bytes_max ||
        !std::has_single_bit(block_bytes))
        return fail(Code::invalid_argument, "a cache's blocks are a power of two of whole pages");
    StateLayout layout;
    layout.blocks = (size_bytes + block_bytes - 1) / block_bytes;
    layout.bits_offset = round_up(sizeof(StateHeader) + identity_bytes, word_bytes);
    layout.crcs_offset =
        layout.bits_offset + round_up(layout.blocks, bits_per_word) / bits_per_word * word_bytes;
    layout.file_bytes = round_up(layout.crcs_offset + layout.blocks * word_bytes, state_page_bytes);
    return layout;
}

std::string new_state_head(const NewState& state) {
    const std::string identity = encode(state.identity);
    StateHeader header{};
    header.magic = state_magic;
    header.format = state_format;
    header.identity_bytes = static_cast<std::uint32_t>(identity.size());
    header.size_bytes = state.identity.size_bytes;
    header.block_bytes = state.block_bytes;
    header.data_inode = state.data.inode;
    header.data_born_nanos = state.data.born_nanos;
    header.fixed_crc = fixed_crc_of(header, identity);
    header.boot_id = state.boot_id;
    header.last_use = state.last_use;
    return std::string(as_text(std::as_bytes(std::span(&header, 1)))) + identity;
}

Result<StateFacts> parse_state(std::span<const std::byte> head, std::uint64_t file_bytes) {
    StateHeader header;
    if (head.size() < sizeof header || file_bytes < head.size()) return not_a_state();
    std::memcpy(&header, head.data(), sizeof header);
    if (header.magic != state_magic || header.format != state_format) return not_a_state();
    if (header.identity_bytes > head.size() - sizeof header) return not_a_state();
    const std::string_view identity = as_text(head.subspan(sizeof header, header.identity_bytes));
    if (fixed_crc_of(header, identity) != header.fixed_crc) return not_a_state();

    const Result<StateLayout> layout =
        state_layout(header.size_bytes, header.block_bytes, header.identity_bytes);
    if (!layout) return not_a_state();
    StateFacts facts;
    facts.layout = *layout;
    TRY(facts.identity, decode_identity(identity));
    if (facts.identity.size_bytes != header.size_bytes || facts.layout.file_bytes != file_bytes)
        return not_a_state();
    facts.data = {.inode = header.data_inode, .born_nanos = header.data_born_nanos};
    facts.block_bytes = header.block_bytes;
    facts.boot_id = header.boot_id;
    facts.last_use = header.last_use;
    facts.flags = header.flags;
    return facts;
}

}  // namespace weir::cache
