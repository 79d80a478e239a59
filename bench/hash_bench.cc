// The rate of each digest and of each way to run a CRC, on one core, over a buffer of 1 MiB: `ninja
// hash_bench`, then `hash_bench`. The best of several runs, since what disturbs a run only ever
// slows it.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "hash/block_crcs.h"
#include "hash/crc_kernels.h"
#include "hash/digester.h"
#include "hash/hmac.h"

namespace weir::hash {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

// Seconds of one call, as the fastest of many rounds has it.
double seconds_per_call(const std::function<void()>& call) {
    using Clock = std::chrono::steady_clock;
    double best = 1e9;
    std::size_t calls = 1;
    for (int round = 0; round < 12; ++round) {
        const Clock::time_point begin = Clock::now();
        for (std::size_t i = 0; i < calls; ++i) call();
        const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        best = std::min(best, seconds / static_cast<double>(calls));
        calls = static_cast<std::size_t>(std::clamp(0.03 / best, 1.0, 1e7));
    }
    return best;
}

void print_rate(std::string_view name, std::size_t bytes, double seconds) {
    std::printf("%-28.*s %8.2f GB/s\n", static_cast<int>(name.size()), name.data(),
                static_cast<double>(bytes) / seconds / 1e9);
}

void measure_digesters(std::span<const std::byte> buffer) {
    const auto measure = [&](const std::string& name, AlgorithmSet algorithms) {
        Digester digester(algorithms);
        print_rate(name, buffer.size(), seconds_per_call([&] { digester.update(buffer); }));
    };
    for (const Algorithm algorithm : all_algorithms)
        measure(std::string(info(algorithm).name), {algorithm});
    measure("MD5 CRC64NVME", {Algorithm::md5, Algorithm::crc64nvme});
    measure("MD5 SHA256 CRC64NVME CRC32",
            {Algorithm::md5, Algorithm::sha256, Algorithm::crc64nvme, Algorithm::crc32});

    BlockCrcs crcs(64 * 1024);
    print_rate("BlockCrcs, 64 KiB", buffer.size(), seconds_per_call([&] {
                   crcs.update(buffer);
                   crcs.finish();
               }));
}

void measure_kernels(std::span<const std::byte> buffer) {
    std::uint64_t reg = 0;
    for (const CrcKernel& kernel : crc_kernels()) {
        for (const std::size_t bytes : {std::size_t{64}, std::size_t{4096}, buffer_bytes}) {
            const std::string name =
                "CRC64NVME " + std::string(kernel.name) + ", " + std::to_string(bytes) + " B";
            print_rate(name, bytes, seconds_per_call([&] {
                           reg = kernel.run(crc64nvme_polynomial, reg, buffer.first(bytes));
                       }));
        }
    }
    std::printf("(%016llx)\n",
                static_cast<unsigned long long>(reg));  // or the compiler drops the work
}

void measure_small() {
    const std::string key(32, 'k');
    const std::string text(200, 't');
    std::size_t sum = 0;
    const double hmac = seconds_per_call([&] { sum += hmac_sha256(key, text).size(); });
    const double sha = seconds_per_call([&] { sum += sha256(text).size(); });
    const double combined =
        seconds_per_call([&] { sum += combine(Algorithm::crc64nvme, sum, 5, 8'388'608 - 3); });
    std::printf("hmac_sha256 %.0f ns, sha256 %.0f ns (200 B), combine %.0f ns (%zu)\n", hmac * 1e9,
                sha * 1e9, combined * 1e9, sum);
}

}  // namespace
}  // namespace weir::hash

int main() {
    const std::string buffer = weir::random_bytes(weir::hash::buffer_bytes);
    weir::hash::measure_digesters(weir::as_bytes(buffer));
    weir::hash::measure_kernels(weir::as_bytes(buffer));
    weir::hash::measure_small();
}
