#pragma once
// For the cache's tests: a folder that goes with the test, objects whose bytes anybody can compute,
// and a seed that is printed, and taken from WEIR_TEST_SEED where that is set.
//
// Owned by a test; one thread, but for `bytes_of` and what a cache says of itself.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"

namespace weir::cache {

inline constexpr std::uint64_t test_block_bytes = 4096;

std::uint64_t test_seed();

// Object number `number`, its bytes and their CRC64NVME.
ObjectIdentity object(std::uint64_t number, std::uint64_t size_bytes);
std::vector<std::byte> bytes_of(const ObjectIdentity& identity, std::uint64_t offset,
                                std::uint64_t length);
std::vector<std::byte> bytes_of(const ObjectIdentity& identity);
std::uint64_t crc_of(const ObjectIdentity& identity);

class CacheRig {
  public:
    explicit CacheRig(std::uint64_t cache_bytes = 64 * MiB);
    ~CacheRig();

    CacheOptions options() const;
    // As another process would have it: nothing is shared but the folder.
    std::unique_ptr<Cache> open() const;
    std::unique_ptr<Cache> open(const CacheOptions& options) const;

    // What is missing of the range, fetched.
    Result<void> fill(Entry& entry, ByteRange range) const;
    Result<void> fill(Entry& entry) const { return fill(entry, {.length = entry.size_bytes()}); }

    // The files of an entry.
    std::string data_path(const ObjectIdentity& identity) const;
    std::string state_path(const ObjectIdentity& identity) const;
    // What lies in the folder, of entries and written files.
    std::uint64_t allocated_bytes() const;

    std::filesystem::path path;
    ManualClock clock{1'000'000 * nanos_per_second};
    std::shared_ptr<Log> log = null_log();
    std::uint64_t cache_bytes;
};

}  // namespace weir::cache
