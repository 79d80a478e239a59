#pragma once
// The ways to run MD5, SHA-256, or both over the blocks of several streams at once, one stream in
// each lane: one row for each kind of instructions and number of lanes. Private to hash; tests and
// the bench look at each, all others call lane_stream.h, which chooses by the number of streams.
//
// Pure functions; safe from any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::hash {

inline constexpr std::size_t lane_block_bytes = 64;  // of MD5 and SHA-256 alike
inline constexpr std::size_t kernel_lanes_max = 16;

// What one lane works on: the chaining words, which are taken through the blocks at `data`.
struct Lane {
    std::uint32_t* md5;     // four words; of no use to a kernel of SHA-256 alone
    std::uint32_t* sha256;  // eight words; of no use to a kernel of MD5 alone
    const std::byte* data;
};

enum class LaneDigest : unsigned { md5 = 1, sha256 = 2, both = 3 };

struct LaneKernel {
    std::string_view name;
    LaneDigest digest;
    std::size_t lanes;
    // What a call costs per block, however many lanes are busy: nanoseconds on one processor
    // (hash_bench measures them), of use to compare kernels.
    unsigned cost;
    // `lanes` holds from one to `LaneKernel::lanes` lanes; each goes through so many blocks.
    void (*run)(std::span<const Lane> lanes, std::size_t blocks);
};

// Those that this processor can run, in no order that matters. There is one for a single lane for
// each LaneDigest.
std::span<const LaneKernel> lane_kernels();

// The kernels of each kind of instructions, whether or not this processor has them.
std::span<const LaneKernel> portable_lane_kernels();
#if defined(__x86_64__)
std::span<const LaneKernel> avx2_lane_kernels();
std::span<const LaneKernel> avx512_lane_kernels();
std::span<const LaneKernel> sha_ni_lane_kernels();
std::span<const LaneKernel> avx512_sha_ni_lane_kernels();
#endif

}  // namespace weir::hash
