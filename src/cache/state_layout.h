#pragma once
// The state file of an entry: which object it is, which of its blocks are there, and each block's
// CRC64NVME. It is mapped by every process that uses the entry, so it is laid out as plain numbers
// (of the machine; a cache does not travel), and those that change are touched as atomics only.
//
//     StateHeader | identity | a bit for each block | the CRC64NVME of each block | to a whole page
//
// What is parsed was written by anybody, or torn by a power cut. Pure functions; safe from any
// thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "cache/file.h"
#include "cache/identity.h"

namespace weir::cache {

using BootId = std::array<std::uint64_t, 2>;

inline constexpr std::size_t wake_words = 64;  // blocks that share a word share who is woken

// Bits of StateHeader::flags. They are set, never cleared, but for `pinned`.
enum StateFlag : std::uint32_t {
    complete_flag = 1,  // every block is there, and the whole is what the store says, if it says so
    verified_flag = 2,  // it does say so
    durable_flag = 4,   // all of it was synced: it is trusted whatever happened
    pinned_flag = 8,    // never evicted
    dropped_flag = 16,  // not what the store says: nobody may use it any more
    crc_known_flag = 32  // whole_crc is what the store says
};

struct StateHeader {
    // Fixed when the entry is made.
    std::uint64_t magic;
    std::uint32_t format;
    std::uint32_t identity_bytes;
    std::uint64_t size_bytes;
    std::uint64_t block_bytes;
    std::uint64_t data_inode;  // FileNumber of the data: a name that a power cut brought back lies
    std::uint64_t data_born_nanos;
    std::uint64_t fixed_crc;  // CRC64NVME of what is above and of the identity

    // Atomics.
    BootId boot_id;          // in which the blocks were written, or compared with their CRCs
    std::uint64_t last_use;  // UnixNanos
    std::uint64_t whole_crc;
    std::uint64_t discards;  // counted before the bytes of a block go
    std::uint32_t flags;
    std::uint32_t unused;
    std::array<std::uint32_t, wake_words> wake;  // futexes: changed when a block's fate is
};

inline constexpr std::uint64_t state_magic = 0x3145484341435257;  // "WRCACHE1"
inline constexpr std::uint32_t state_format = 1;
inline constexpr std::size_t state_page_bytes = 4096;

struct StateLayout {
    std::uint64_t blocks = 0;
    std::uint64_t bits_offset = 0;
    std::uint64_t crcs_offset = 0;
    std::uint64_t file_bytes = 0;
};

struct StateFacts {
    ObjectIdentity identity;
    FileNumber data;
    std::uint64_t block_bytes = 0;
    StateLayout layout;
    // As they were when it was read.
    BootId boot_id{};
    std::uint64_t last_use = 0;
    std::uint32_t flags = 0;
};

// As many bytes of the file's beginning as parse_state() needs; fewer where the file ends.
inline constexpr std::size_t state_head_bytes_max = sizeof(StateHeader) + 16 * 1024;

// invalid_argument if the identity or the object is larger than a cache takes, or the blocks are no
// whole pages.
Result<StateLayout> state_layout(std::uint64_t size_bytes, std::uint64_t block_bytes,
                                 std::size_t identity_bytes);

// The beginning of a state file: no block there, nothing known.
struct NewState {
    const ObjectIdentity& identity;
    std::uint64_t block_bytes;
    FileNumber data;
    BootId boot_id;
    std::uint64_t last_use;
};
std::string new_state_head(const NewState& state);

// `head` is the file's beginning, `file_bytes` its size. corrupt for whatever we did not write.
Result<StateFacts> parse_state(std::span<const std::byte> head, std::uint64_t file_bytes);

}  // namespace weir::cache
