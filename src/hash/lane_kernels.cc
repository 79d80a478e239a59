#include "hash/lane_kernels.h"

#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace weir::hash {
namespace {

#if defined(__x86_64__)
// __builtin_cpu_supports does not know of it everywhere.
bool has_sha_ni() {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0 &&
           __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}
#endif

std::vector<LaneKernel> find_kernels() {
    std::vector<LaneKernel> found;
    const auto add = [&found](std::span<const LaneKernel> kernels) {
        found.insert(found.end(), kernels.begin(), kernels.end());
    };
#if defined(__x86_64__)
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    if (avx512) add(avx512_lane_kernels());
    if (avx512 && __builtin_cpu_supports("avx512vl") && has_sha_ni())
        add(avx512_sha_ni_lane_kernels());
    if (__builtin_cpu_supports("avx2")) add(avx2_lane_kernels());
    if (has_sha_ni()) add(sha_ni_lane_kernels());
#endif
    add(portable_lane_kernels());
    return found;
}

}  // namespace

std::span<const LaneKernel> lane_kernels() {
    static const std::vector<LaneKernel> kernels = find_kernels();
    return kernels;
}

}  // namespace weir::hash
