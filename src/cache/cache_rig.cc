#include "cache/cache_rig.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "base/check.h"
#include "base/random.h"
#include "hash/crc.h"

namespace weir::cache {

std::uint64_t test_seed() {
    const char* given = std::getenv("WEIR_TEST_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : random_u64();
    std::cout << "WEIR_TEST_SEED=" << seed << std::endl;
    return seed;
}

ObjectIdentity object(std::uint64_t number, std::uint64_t size_bytes) {
    return ObjectIdentity{.endpoint = "http://store.example",
                          .bucket = "models",
                          .key = fmt::format("shard-{}.safetensors", number),
                          .etag = fmt::format("\"etag-{}\"", number),
                          .version_id = "",
                          .size_bytes = size_bytes};
}

std::vector<std::byte> bytes_of(const ObjectIdentity& identity, std::uint64_t offset,
                                std::uint64_t length) {
    const std::uint64_t seed = std::hash<std::string>()(identity.etag) | 1;
    std::vector<std::byte> bytes(static_cast<std::size_t>(length));
    for (std::uint64_t i = 0; i < length; ++i)
        // Never zero, which is what a hole reads as.
        bytes[static_cast<std::size_t>(i)] =
            static_cast<std::byte>((seed * (offset + i + 1) >> 24) % 255 + 1);
    return bytes;
}

std::vector<std::byte> bytes_of(const ObjectIdentity& identity) {
    return bytes_of(identity, 0, identity.size_bytes);
}

std::uint64_t crc_of(const ObjectIdentity& identity) {
    return hash::crc64nvme(0, bytes_of(identity));
}

CacheRig::CacheRig(std::uint64_t cache_bytes_) : cache_bytes(cache_bytes_) {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir_cache_XXXXXX").string();
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
}

CacheRig::~CacheRig() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
}

CacheOptions CacheRig::options() const {
    return {.path = path.string(), .cache_bytes = cache_bytes, .block_bytes = test_block_bytes};
}

std::unique_ptr<Cache> CacheRig::open() const { return open(options()); }

std::unique_ptr<Cache> CacheRig::open(const CacheOptions& options) const {
    Result<std::unique_ptr<Cache>> cache = Cache::open(options, clock, *log);
    if (!cache) std::cerr << cache.error().describe() << std::endl;
    CHECK(cache.has_value());
    return *std::move(cache);
}

Result<void> CacheRig::fill(Entry& entry, ByteRange range) const {
    for (;;) {
        TRY(std::optional<Claim> claim, entry.claim(range));
        if (!claim) return {};
        while (!claim->done()) {
            const ByteRange next = claim->range();
            // In pieces that end anywhere.
            const std::uint64_t piece = std::min<std::uint64_t>(next.length, 3000);
            TRY_VOID(claim->fill(bytes_of(entry.identity(), next.offset, piece)));
        }
    }
}

std::string CacheRig::data_path(const ObjectIdentity& identity) const {
    const std::string id = entry_id(identity);
    return path / id.substr(0, 2) / (id + ".data");
}

std::string CacheRig::state_path(const ObjectIdentity& identity) const {
    const std::string id = entry_id(identity);
    return path / id.substr(0, 2) / (id + ".state");
}

std::uint64_t CacheRig::allocated_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(path)) {
        struct stat status{};
        // What goes meanwhile takes nothing.
        if (file.path().filename() == "index" || ::lstat(file.path().c_str(), &status) != 0)
            continue;
        if (S_ISREG(status.st_mode)) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
    return bytes;
}

}  // namespace weir::cache
