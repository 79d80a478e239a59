#include "hash/block_crcs.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "hash/crc.h"

namespace weir::hash {

BlockCrcs::BlockCrcs(std::size_t block_bytes)
    : block_bytes_(block_bytes), full_block_(Algorithm::crc64nvme, block_bytes) {
    CHECK(block_bytes > 0);
}

void BlockCrcs::update(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const std::size_t taken = std::min(bytes.size(), block_bytes_ - open_bytes_);
        open_crc_ = crc64nvme(open_crc_, bytes.first(taken));
        open_bytes_ += taken;
        bytes = bytes.subspan(taken);
        if (open_bytes_ == block_bytes_) end_block();
    }
}

BlockCrcs::Sums BlockCrcs::finish() {
    if (open_bytes_ > 0) end_block();
    return std::exchange(sums_, {});
}

void BlockCrcs::end_block() {
    sums_.whole = open_bytes_ == block_bytes_
                      ? full_block_.combine(sums_.whole, open_crc_)
                      : combine(Algorithm::crc64nvme, sums_.whole, open_crc_, open_bytes_);
    sums_.bytes += open_bytes_;
    sums_.blocks.push_back(open_crc_);
    open_bytes_ = 0;
    open_crc_ = 0;
}

}  // namespace weir::hash
