#pragma once
// The CRC64NVME of each block of a stream, and from those the CRC64NVME of the whole: each byte is
// looked at once.
//
// A value that its owner feeds from one thread at a time. It grows by eight bytes a block; whoever
// bounds the stream bounds it. Nothing here fails.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hash/crc_combine.h"

namespace weir::hash {

class BlockCrcs {
  public:
    struct Sums {
        std::uint64_t bytes = 0;
        std::uint64_t whole = 0;  // 0 for no bytes, as CRC64NVME has it
        std::vector<std::uint64_t>
            blocks;  // all of block_bytes but the last, which may be short and is never empty
    };

    explicit BlockCrcs(std::size_t block_bytes);

    void update(std::span<const std::byte> bytes);

    // Of all that was fed; the object begins anew with an empty stream.
    Sums finish();

  private:
    void end_block();

    std::size_t block_bytes_;
    CrcCombiner full_block_;
    std::size_t open_bytes_ = 0;  // of the block that is not full yet
    std::uint64_t open_crc_ = 0;
    Sums sums_;
};

}  // namespace weir::hash
