// Durable commits a second of the embedded engine by the number of threads that wait for theirs,
// and how many share a sync: `ninja kv_bench`, then `kv_bench DIRECTORY`, on the disk that is to be
// measured.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "kv/rocksdb/engine.h"

namespace weir::kv {
namespace {

const PartitionId partition(9);
constexpr std::size_t value_bytes = 4 * KiB;
constexpr std::chrono::seconds each(3);

// Commits until `stop`; how many.
std::uint64_t commit_rows(Engine& engine, unsigned writer, const std::atomic<bool>& stop) {
    const std::string value(value_bytes, 'x');
    std::uint64_t count = 0;
    while (!stop) {
        Batch batch;
        batch.put("d" + std::to_string(writer) + "." + std::to_string(count), value);
        if (!commit_and_wait(engine, partition, std::move(batch))) return count;
        ++count;
    }
    return count;
}

void measure(rocksdb::Engine& engine, unsigned writers) {
    const rocksdb::Stats before = engine.stats();
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> commits = 0;
    std::vector<std::thread> threads;
    for (unsigned writer = 0; writer < writers; ++writer)
        threads.emplace_back([&, writer] { commits += commit_rows(engine, writer, stop); });
    std::this_thread::sleep_for(each);
    stop = true;
    for (std::thread& thread : threads) thread.join();
    const rocksdb::Stats after = engine.stats();
    const double seconds = std::chrono::duration<double>(each).count();
    const double groups = static_cast<double>(after.groups - before.groups);
    std::printf("%8u %12.0f %12.1f\n", writers, static_cast<double>(commits) / seconds,
                static_cast<double>(after.batches - before.batches) / groups);
}

int run(const std::string& directory) {
    const std::string path = directory + "/kv_bench";
    std::filesystem::remove_all(path);
    const std::shared_ptr<Log> log = null_log();
    {
        const auto engine = rocksdb::Engine::open({.path = path}, Limits(), *log);
        if (!engine || !(*engine)->create_partition(partition)) {
            std::fprintf(stderr, "kv_bench: no database can be made in %s\n", directory.c_str());
            return 1;
        }
        std::printf("%8s %12s %12s\n", "threads", "commits/s", "per sync");
        for (const unsigned writers : {1u, 4u, 16u, 64u, 256u}) measure(**engine, writers);
    }
    std::filesystem::remove_all(path);
    return 0;
}

}  // namespace
}  // namespace weir::kv

int main(int count, char** values) {
    if (count == 2) return weir::kv::run(values[1]);
    std::fprintf(stderr, "usage: kv_bench DIRECTORY\n");
    return 2;
}
