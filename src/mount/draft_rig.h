#pragma once
// Drafts over a real store, in a bucket and a cache of their own: the fixture of their tests. The
// seed is printed where one fails.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "mount/draft.h"
#include "mount/store_rig.h"

namespace weir::mount {

inline constexpr std::uint64_t part_bytes = part_bytes_min;

class DraftRig : public ::testing::Test {
  protected:
    DraftRig() {
        limits.part_bytes = part_bytes;
        limits.pieces_max = 64;
        const char* given = std::getenv("WEIR_TEST_SEED");
        seed = given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device()();
        random.seed(seed);
    }
    ~DraftRig() override {
        if (HasFailure()) fmt::print("WEIR_TEST_SEED={}\n", seed);
    }

    std::unique_ptr<Draft> draft(const std::string& key,
                                 std::optional<ObjectVersion> base = std::nullopt) {
        const bool known = !base;
        return std::make_unique<Draft>(
            ground,
            DraftStart{.key = key, .base = std::move(base), .metadata = {.headers_known = known}});
    }
    // The same, over another client and pool.
    DraftGround ground_of(client::S3Client& client, client::Transfers& transfers,
                          io::BlockingPool& pool) const {
        return {.client = client,
                .transfers = transfers,
                .cache = ground.cache,
                .pool = pool,
                .limits = limits,
                .clock = ground.clock,
                .log = ground.log,
                .bucket = bucket,
                .reader = ground.reader};
    }
    // The object as it is, to be written on.
    ObjectVersion version(const std::string& key) {
        const client::ObjectInfo head = store.head(bucket, key);
        return {.etag = head.etag, .version_id = head.version_id, .bytes = head.bytes};
    }
    std::string noise(std::uint64_t bytes) {
        std::string noise(static_cast<std::size_t>(bytes), '\0');
        for (char& one : noise) one = static_cast<char>(random());
        return noise;
    }
    static std::span<const std::byte> bytes_of(const std::string& text) {
        return std::as_bytes(std::span(text));
    }
    static void write(Draft& draft, std::uint64_t offset, const std::string& text) {
        const Result<void> written = draft.write(offset, bytes_of(text));
        ASSERT_TRUE(written) << written.error().describe();
    }
    static void commit(Draft& draft) {
        const Result<ObjectVersion> done = draft.commit();
        ASSERT_TRUE(done) << done.error().describe();
        EXPECT_FALSE(draft.changed());
    }
    static std::string read(Draft& draft, std::uint64_t offset, std::uint64_t bytes) {
        std::string out(static_cast<std::size_t>(bytes), 'x');
        const Result<std::size_t> got = draft.read(offset, std::as_writable_bytes(std::span(out)));
        EXPECT_TRUE(got) << got.error().describe();
        out.resize(got.value_or(0));
        return out;
    }
    ReadBase reader(const std::string& key, const ObjectVersion& version) {
        return
            [this, key, version](std::uint64_t offset, std::span<std::byte> out) -> Result<void> {
                TRY_VOID(store.client().get_object({.bucket = bucket,
                                                    .key = key,
                                                    .version_id = version.version_id,
                                                    .if_match = version.etag,
                                                    .range = client::ByteSpan{offset, out.size()}},
                                                   client::Destination{out, nullptr}));
                return Result<void>();
            };
    }

    unsigned seed = 0;
    std::mt19937 random;
    StoreRig& store = StoreRig::shared();
    std::string bucket = store.new_bucket();
    DraftLimits limits;
    std::unique_ptr<cache::Cache> cache =
        *cache::Cache::open({.path = (store.folder() / bucket).string(), .cache_bytes = 2 * GiB},
                            store.clock(), store.log());
    DraftGround ground{.client = store.client(),
                       .transfers = store.transfers(),
                       .cache = *cache,
                       .pool = store.pool(),
                       .limits = limits,
                       .clock = store.clock(),
                       .log = store.log(),
                       .bucket = bucket,
                       .reader = [this](const std::string& key, const ObjectVersion& version) {
                           return reader(key, version);
                       }};
};

}  // namespace weir::mount
