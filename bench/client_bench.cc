// The S3 client by itself: an object up and down, into memory, through src/client. Endpoint and
// keys come from the environment, as `weir env` prints them.
//
//     client_bench BUCKET MIB [--parallelism N] [--part-mib N] [--low-water-kib N] [--rounds N]

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "client/transfer.h"

namespace weir::client {
namespace {

double cpu_s() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Runs it and prints what it took.
template <typename Work>
Result<void> measured(std::string_view what, std::uint64_t bytes, Work work) {
    const double cpu = cpu_s();
    const auto began = std::chrono::steady_clock::now();
    TRY_VOID(work());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const double gb = static_cast<double>(bytes) / 1e9;
    fmt::print("{:10} {:6.2f} GB/s  {:6.3f} CPU s/GB of the client\n", what, gb / took.count(),
               (cpu_s() - cpu) / gb);
    return {};
}

struct Options {
    std::string bucket;
    std::uint64_t bytes = 0;
    TransferOptions transfer = {};
    std::size_t low_water = ClientLimits().receive_low_water_bytes;
    unsigned rounds = 3;
};

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

Options parse(const std::vector<std::string>& words) {
    Options options{.bucket = words[0], .bytes = number(words[1]) * MiB};
    for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
        const std::uint64_t value = number(words[i + 1]);
        if (words[i] == "--parallelism") options.transfer.parallelism = value;
        if (words[i] == "--part-mib") options.transfer.part_bytes = value * MiB;
        if (words[i] == "--low-water-kib") options.low_water = value * KiB;
        if (words[i] == "--rounds") options.rounds = static_cast<unsigned>(value);
    }
    return options;
}

Result<void> run(const Options& options) {
    const std::shared_ptr<Log> log = stderr_log();
    const Environment environment = Environment::of_process();
    TRY(const Endpoint endpoint, resolve_endpoint(environment));
    ClientLimits limits;
    limits.receive_low_water_bytes = options.low_water;
    CredentialChain credentials(environment, "", *log);
    io::BufferPool buffers(limits.buffer_bytes, limits.buffers_max, limits.buffers_max);
    io::BlockingPool pool(limits.transfer_parallelism, limits.transfer_parallelism);
    const SystemClock clock;
    TRY(const std::unique_ptr<S3Client> client,
        S3Client::make(endpoint, {.credentials = credentials,
                                  .buffers = buffers,
                                  .limits = limits,
                                  .clock = clock,
                                  .log = *log}));
    Transfers transfers(*client, pool);
    // Touched before it is measured; fresh pages cost more than the network.
    std::vector<std::byte> memory(options.bytes, std::byte{1});
    const int file = ::memfd_create("client_bench", MFD_CLOEXEC);
    const std::string seed = random_bytes(MiB);
    for (std::uint64_t at = 0; at < options.bytes; at += MiB)
        if (::pwrite(file, seed.data(), seed.size(), static_cast<off_t>(at)) < 0)
            return fail(errno_error("writing", errno));
    MemorySink sink(memory, 0);
    for (unsigned round = 0; round < options.rounds; ++round) {
        TRY_VOID(measured("upload", options.bytes, [&]() -> Result<void> {
            TRY_VOID(transfers.upload({.bucket = options.bucket, .key = "client_bench"},
                                      {.descriptor = file, .length = options.bytes},
                                      options.transfer));
            return {};
        }));
        for (const std::string_view what : {"first", "again"})
            TRY_VOID(measured(what, options.bytes, [&]() -> Result<void> {
                TRY_VOID(transfers.download({.bucket = options.bucket, .key = "client_bench"}, sink,
                                            options.transfer));
                return {};
            }));
    }
    ::close(file);
    return {};
}

}  // namespace
}  // namespace weir::client

int main(int count, char** values) {
    const std::vector<std::string> words(values + 1, values + count);
    if (words.size() < 2) {
        fmt::print(stderr,
                   "usage: client_bench BUCKET MIB [--parallelism N] [--part-mib N] "
                   "[--low-water-kib N] [--rounds N]\n");
        return 2;
    }
    const weir::Result<void> done = weir::client::run(weir::client::parse(words));
    if (!done) fmt::print(stderr, "client_bench: {}\n", done.error().describe());
    return done ? 0 : 1;
}
