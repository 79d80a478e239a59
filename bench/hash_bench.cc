// The rate of each digest on one core: alone and in one pass, by kernel, and by how many streams
// take their steps together. `ninja hash_bench`, then `hash_bench` with Google Benchmark's options,
// such as --benchmark_filter=Together. bytes_per_second counts the bytes of all streams.

#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "hash/block_crcs.h"
#include "hash/crc_kernels.h"
#include "hash/digester.h"
#include "hash/hmac.h"
#include "hash/lane_kernels.h"
#include "hash/lane_stream.h"

namespace weir::hash {
namespace {

using benchmark::State;

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
constexpr std::size_t buffers = 2 * kernel_lanes_max;

std::span<const std::byte> buffer(std::size_t i = 0) {
    static const std::string all = random_bytes(buffer_bytes * buffers);
    return as_bytes(all).subspan(i * buffer_bytes, buffer_bytes);
}

// Version 1.7 takes no std::string.
template <typename... Arguments>
benchmark::internal::Benchmark* add(const std::string& name, Arguments&&... arguments) {
    return benchmark::RegisterBenchmark(name.c_str(), std::forward<Arguments>(arguments)...);
}

void count_bytes(State& state, std::size_t bytes) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

std::string name_of(LaneDigest digest) {
    constexpr std::array names = {"", "MD5", "SHA256", "MD5+SHA256"};
    return names[static_cast<std::size_t>(digest)];
}

constexpr std::array lane_digests = {LaneDigest::md5, LaneDigest::sha256, LaneDigest::both};

void run_digester(State& state, AlgorithmSet algorithms) {
    Digester digester(algorithms);
    for (auto _ : state) digester.update(buffer());
    count_bytes(state, buffer_bytes);
}

void run_block_crcs(State& state) {
    BlockCrcs crcs(64 * 1024);
    for (auto _ : state) {
        crcs.update(buffer());
        benchmark::DoNotOptimize(crcs.finish());
    }
    count_bytes(state, buffer_bytes);
}

void run_crc_kernel(State& state, const CrcKernel& kernel) {
    const std::size_t bytes = static_cast<std::size_t>(state.range(0));
    std::uint64_t reg = 0;
    for (auto _ : state) reg = kernel.run(crc64nvme_polynomial, reg, buffer().first(bytes));
    benchmark::DoNotOptimize(reg);
    count_bytes(state, bytes);
}

// So many lanes of a kernel busy, each with 16 KiB.
void run_lane_kernel(State& state, const LaneKernel& kernel) {
    constexpr std::size_t blocks = 16 * 1024 / lane_block_bytes;
    const std::size_t busy = static_cast<std::size_t>(state.range(0));
    std::vector<std::array<std::uint32_t, 12>> words(busy);
    std::vector<Lane> lanes;
    for (std::size_t i = 0; i < busy; ++i)
        lanes.push_back({words[i].data(), words[i].data() + 4, buffer(i).data()});
    for (auto _ : state) kernel.run(lanes, blocks);
    count_bytes(state, busy * blocks * lane_block_bytes);
}

// So many streams, each with a buffer of 1 MiB, as a group of the scheduler has them: all of its
// digests, with the kernels that are chosen for that many.
void run_together(State& state, AlgorithmSet algorithms) {
    const std::size_t busy = static_cast<std::size_t>(state.range(0));
    std::vector<Digester> digesters;
    std::vector<DigesterInput> inputs;
    for (std::size_t i = 0; i < busy; ++i) digesters.emplace_back(algorithms);
    for (std::size_t i = 0; i < busy; ++i)
        inputs.push_back({.digester = &digesters[i], .bytes = buffer(i)});
    for (auto _ : state) update_together(inputs);
    count_bytes(state, busy * buffer_bytes);
}

void register_digesters() {
    for (const Algorithm algorithm : all_algorithms)
        add("Digester/" + std::string(info(algorithm).name), run_digester, AlgorithmSet{algorithm});
    add("Digester/MD5+CRC64NVME", run_digester, AlgorithmSet{Algorithm::md5, Algorithm::crc64nvme});
    add("BlockCrcs/64KiB", run_block_crcs);
    for (const CrcKernel& kernel : crc_kernels())
        add("Crc64nvme/" + std::string(kernel.name), run_crc_kernel, kernel)
            ->Arg(64)
            ->Arg(4096)
            ->Arg(buffer_bytes);
}

void register_lanes() {
    for (const LaneDigest digest : lane_digests) {
        for (const LaneKernel& kernel : lane_kernels()) {
            if (kernel.digest != digest) continue;
            add("Kernel/" + name_of(digest) + '/' + std::string(kernel.name), run_lane_kernel,
                kernel)
                ->Arg(static_cast<std::int64_t>(kernel.lanes));
        }
    }
    const AlgorithmSet of_https = {Algorithm::md5, Algorithm::crc64nvme, Algorithm::crc32};
    AlgorithmSet of_http = of_https;
    of_http.insert(Algorithm::sha256);
    for (const std::int64_t streams : {1, 2, 3, 4, 6, 8, 12, 16, 32}) {
        add("Together/MD5", run_together, AlgorithmSet{Algorithm::md5})->Arg(streams);
        add("Together/SHA256", run_together, AlgorithmSet{Algorithm::sha256})->Arg(streams);
        add("Together/MD5+CRC64NVME+CRC32", run_together, of_https)->Arg(streams);
        add("Together/MD5+SHA256+CRC64NVME+CRC32", run_together, of_http)->Arg(streams);
    }
}

void register_small() {
    const std::string key(32, 'k');
    const std::string text(200, 't');
    add("hmac_sha256/200B", [key, text](State& state) {
        for (auto _ : state) benchmark::DoNotOptimize(hmac_sha256(key, text));
    });
    add("sha256/200B", [text](State& state) {
        for (auto _ : state) benchmark::DoNotOptimize(sha256(text));
    });
    add("combine/8MiB", [](State& state) {
        std::uint64_t crc = 1;
        for (auto _ : state) crc = combine(Algorithm::crc64nvme, crc, 5, 8'388'608 - 3);
        benchmark::DoNotOptimize(crc);
    });
}

}  // namespace
}  // namespace weir::hash

int main(int count, char** values) {
    benchmark::Initialize(&count, values);
    if (benchmark::ReportUnrecognizedArguments(count, values)) return 2;
    weir::hash::register_digesters();
    weir::hash::register_lanes();
    weir::hash::register_small();
    benchmark::RunSpecifiedBenchmarks();
}
