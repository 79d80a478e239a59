// A process that fills one object of a cache, for process_test.cc, which kills it:
//
//     cache_process FOLDER CACHE_BYTES OBJECT SIZE_BYTES SEED [hold]
//
// Claims at random, fills, reads what others filled, and writes a byte for each block that it
// fetched to its standard output, after the block was filled. `hold`: claims everything, says so by
// one byte, and waits to be killed.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

#include "base/check.h"
#include "cache/cache_rig.h"

namespace weir::cache {
namespace {

constexpr std::uint64_t blocks_a_claim_max = 5;

void say() { CHECK(::write(STDOUT_FILENO, "b", 1) == 1); }

void fill_some(Entry& entry, std::mt19937_64& random) {
    const std::uint64_t offset = random() % entry.size_bytes();
    const std::uint64_t length = std::min(entry.size_bytes() - offset,
                                          random() % (blocks_a_claim_max * test_block_bytes) + 1);
    Result<std::optional<Claim>> claim = entry.claim({offset, length});
    CHECK(claim.has_value());
    if (!*claim) {
        // Somebody else's, or there: what can be read is right.
        std::vector<std::byte> out(static_cast<std::size_t>(length));
        const Result<void> read = entry.read(offset, out);
        CHECK(read ? out == bytes_of(entry.identity(), offset, length)
                   : read.error().code() == Code::would_block);
        return;
    }
    while (!(*claim)->done()) {
        const ByteRange next = (*claim)->range();
        const std::uint64_t left = test_block_bytes - next.offset % test_block_bytes;
        const std::uint64_t piece = std::min({next.length, left, random() % test_block_bytes + 1});
        CHECK((*claim)->fill(bytes_of(entry.identity(), next.offset, piece)).has_value());
        if (piece == left || piece == next.length) say();
    }
}

int run(int argc, char** argv) {
    CHECK(argc >= 6);
    const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
    SystemClock clock;
    const std::shared_ptr<Log> log = stderr_log();
    const CacheOptions options{
        .path = argv[1], .cache_bytes = number(2), .block_bytes = test_block_bytes};
    Result<std::unique_ptr<Cache>> cache = Cache::open(options, clock, *log);
    CHECK(cache.has_value());
    const ObjectIdentity identity = object(number(3), number(4));
    Result<std::shared_ptr<Entry>> entry = (*cache)->entry(identity, crc_of(identity));
    CHECK(entry.has_value());
    if (argc > 6 && std::string_view(argv[6]) == "hold") {
        Result<std::optional<Claim>> claim = (*entry)->claim({.length = identity.size_bytes});
        CHECK(claim && *claim);
        CHECK((*claim)->fill(bytes_of(identity, 0, test_block_bytes + 1)).has_value());
        say();
        for (;;) ::pause();
    }
    std::mt19937_64 random(number(5));
    while (!(*entry)->complete()) fill_some(**entry, random);
    return 0;
}

}  // namespace
}  // namespace weir::cache

int main(int argc, char** argv) { return weir::cache::run(argc, argv); }
