#include "hash/block_crcs.h"

#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "hash/crc.h"
#include "hash/random_input.h"

namespace weir::hash {
namespace {

std::uint64_t crc_of(std::string_view text) { return crc64nvme(0, as_bytes(text)); }

TEST(BlockCrcs, OfNothingHasNoBlockAndIsZero) {
    const BlockCrcs::Sums sums = BlockCrcs(4096).finish();
    EXPECT_TRUE(sums.blocks.empty());
    EXPECT_EQ(sums.whole, 0u);
    EXPECT_EQ(sums.bytes, 0u);
}

TEST(BlockCrcs, GiveEachBlockAndTheWholeHoweverTheBytesArrive) {
    RandomInput random;
    for (int round = 0; round < 200; ++round) {
        const std::size_t block_bytes = 1 + random.up_to(3000);
        // A whole number of blocks in half of the rounds.
        const std::string text = random.bytes(random.up_to(6) * block_bytes +
                                              (round % 2 == 0 ? 0 : random.up_to(block_bytes)));
        BlockCrcs crcs(block_bytes);
        for (std::string_view left = text; !left.empty();) {
            const std::string_view piece = left.substr(0, random.up_to(2 * block_bytes));
            crcs.update(as_bytes(piece));
            left.remove_prefix(piece.size());
        }
        const BlockCrcs::Sums sums = crcs.finish();
        ASSERT_EQ(sums.bytes, text.size());
        ASSERT_EQ(sums.whole, crc_of(text)) << text.size() << " in blocks of " << block_bytes;
        ASSERT_EQ(sums.blocks.size(), (text.size() + block_bytes - 1) / block_bytes);
        for (std::size_t i = 0; i < sums.blocks.size(); ++i) {
            ASSERT_EQ(sums.blocks[i],
                      crc_of(std::string_view(text).substr(i * block_bytes, block_bytes)))
                << i;
        }
    }
}

TEST(BlockCrcs, BeginAnewAfterFinish) {
    BlockCrcs crcs(4);
    crcs.update(as_bytes("123456"));
    EXPECT_EQ(crcs.finish().blocks.size(), 2u);
    crcs.update(as_bytes("123456789"));
    const BlockCrcs::Sums sums = crcs.finish();
    EXPECT_EQ(sums.whole, 0xae8b14860a799888u);
    EXPECT_EQ(sums.blocks.size(), 3u);
}

}  // namespace
}  // namespace weir::hash
