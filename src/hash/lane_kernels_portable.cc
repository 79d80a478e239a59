// One to four lanes with what every processor has. Several lanes step by turns: MD5 waits for its
// own last step all the time, so two streams take hardly longer than one.

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "hash/lane_kernels.h"
#include "hash/lane_tables.h"

#define WEIR_INLINE __attribute__((always_inline)) inline

namespace weir::hash {

static_assert(std::endian::native == std::endian::little,
              "the kernels load bytes as little-endian words");

namespace {

#include "hash/lane_rounds.inc"

#include "hash/lane_single.inc"

// Four lanes in vectors of 128 bits, which x86-64 and ARM64 have always.
struct Four {
    using Vector = std::uint32_t __attribute__((vector_size(16)));
    static constexpr std::size_t lanes = 4;

    static WEIR_INLINE Vector broadcast(std::uint32_t word) { return Vector{} + word; }
    template <int N>
    static WEIR_INLINE Vector rotate(Vector v) {
        return (v << N) | (v >> (32 - N));
    }
    template <int N>
    static WEIR_INLINE Vector shift_right(Vector v) {
        return v >> N;
    }
    static WEIR_INLINE Vector swap_bytes(Vector v) {
        const Vector pairs = ((v & 0x00ff00ff) << 8) | ((v >> 8) & 0x00ff00ff);
        return (pairs << 16) | (pairs >> 16);
    }
    static WEIR_INLINE Vector select(Vector mask, Vector a, Vector b) {
        return b ^ (mask & (a ^ b));
    }
    static WEIR_INLINE Vector majority(Vector a, Vector b, Vector c) {
        return (a & b) | (c & (a | b));
    }
    static WEIR_INLINE Vector xor3(Vector a, Vector b, Vector c) { return a ^ b ^ c; }
    static WEIR_INLINE void load_block(const std::byte* const* data, std::size_t offset,
                                       Vector* words) {
        for (unsigned i = 0; i < 16; i += 4) {
            Vector row[4];
            for (unsigned lane = 0; lane < 4; ++lane)
                std::memcpy(&row[lane], data[lane] + offset + 4 * i, 16);
            const Vector low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
            const Vector high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
            const Vector low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
            const Vector high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
            words[i] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
            words[i + 1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
            words[i + 2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
            words[i + 3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
        }
    }
};

void run_md5_pair(std::span<const Lane> lanes, std::size_t blocks) {
    if (lanes.size() == 1) return run_md5<Single>(lanes, blocks);
    Md5State<Single> a, b;
    std::memcpy(a.words, lanes[0].md5, sizeof a.words);
    std::memcpy(b.words, lanes[1].md5, sizeof b.words);
    for (std::size_t i = 0; i < blocks; ++i) {
        std::uint32_t a_block[16], b_block[16];
        Single::load_block(&lanes[0].data, i * lane_block_bytes, a_block);
        Single::load_block(&lanes[1].data, i * lane_block_bytes, b_block);
        md5_two_blocks<Single>(a, b, a_block, b_block, Quads());
    }
    std::memcpy(lanes[0].md5, a.words, sizeof a.words);
    std::memcpy(lanes[1].md5, b.words, sizeof b.words);
}

constexpr std::array kernels = {
    LaneKernel{"portable", LaneDigest::md5, 1, 72, run_md5<Single>},
    LaneKernel{"portable", LaneDigest::sha256, 1, 125, run_sha256<Single>},
    LaneKernel{"portable", LaneDigest::both, 1, 156, run_both<Single>},
    LaneKernel{"portable", LaneDigest::md5, 2, 73, run_md5_pair},
    LaneKernel{"portable", LaneDigest::sha256, 4, 402, run_sha256<Four>},
};

}  // namespace

std::span<const LaneKernel> portable_lane_kernels() { return kernels; }

}  // namespace weir::hash
