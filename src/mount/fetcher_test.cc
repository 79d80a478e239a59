// What is fetched ahead of a real store into a real cache.

#include "mount/fetcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "base/check.h"
#include "mount/store_rig.h"

namespace weir::mount {
namespace {

class NoKernel final : public Kernel {
  public:
    void forget_name(NodeId, const std::string&) override {}
    void doubt_folder(NodeId, const std::string&) override {}
    void forget_pages(NodeId, std::int64_t) override {}
    bool passthrough() const override { return false; }
    BackingId open_backing(int) override { return 0; }
    void close_backing(BackingId) override {}
};

class FetcherTest : public ::testing::Test {
  protected:
    FetcherTest() {
        std::string name = (std::filesystem::temp_directory_path() / "weir-fetch-XXXXXX").string();
        CHECK(::mkdtemp(name.data()) != nullptr);
        base = name;
        cache = *cache::Cache::open({.path = (base / "cache").string(), .cache_bytes = 64 * MiB},
                                    rig.clock(), rig.log());
        limits.sweeps_max = 4;
    }
    ~FetcherTest() override {
        fetcher.reset();
        contents.reset();
        small_files.reset();
        cache.reset();
        std::filesystem::remove_all(base);
    }

    void put(const std::string& key, std::uint64_t bytes) {
        rig.put(store.bucket, key, std::string(static_cast<std::size_t>(bytes), 'x'));
    }
    void start() {
        small_files = std::make_unique<SmallFiles>(*cache, limits, rig.log());
        contents = std::make_unique<Contents>(store, tree, *cache, *small_files, rig.log());
        fetcher = std::make_unique<Fetcher>(*contents, listing, *cache, limits, rig.log());
    }
    NodeInfo look_up(const std::string& name) {
        const Result<NodeInfo> node = listing.lookup(root_node, name, {});
        CHECK(node.has_value());
        return *node;
    }
    bool complete(const std::string& name) { return (*contents->of(look_up(name)))->complete(); }
    void open(const std::string& name) {
        const NodeInfo node = look_up(name);
        fetcher->opened(node, *contents->of(node));
    }
    void close(const std::string& name) { fetcher->closed(look_up(name).id); }
    StoreRig& rig = StoreRig::shared();
    MountLimits limits;
    const Store store{
        .client = rig.client(), .bucket = rig.new_bucket(), .prefix = {}, .as_of = {}};
    const AttributeDefaults defaults;
    Freshness freshness{std::chrono::hours(1)};
    NoKernel kernel;
    Tree tree{defaults.of(Kind::folder, 0), limits.nodes_max};
    Listing listing{store, tree, freshness, defaults, kernel, rig.log()};
    std::filesystem::path base;
    std::unique_ptr<cache::Cache> cache;
    std::unique_ptr<SmallFiles> small_files;
    std::unique_ptr<Contents> contents;
    std::unique_ptr<Fetcher> fetcher;
};

TEST_F(FetcherTest, WhatMatchesIsFetchedHoweverMuchItIs) {
    std::uint64_t bytes = 0;
    for (int i = 0; i < 30; ++i) {
        put(fmt::format("wanted/{}/a", i), 1000);
        put(fmt::format("wanted/{}", i + 100), 1000);
        put(fmt::format("other/{}", i), 1000);
        bytes += 2000;
    }
    start();
    fetcher->prefetch({"wanted/**"});
    EXPECT_TRUE(eventually([&] { return fetcher->stats().bytes >= bytes; }));
    EXPECT_EQ(fetcher->stats().bytes, bytes);
}

TEST_F(FetcherTest, WhatMatchesFillsNoMoreThanTheCache) {
    for (int i = 0; i < 10; ++i) put(fmt::format("{}", i), 10 * MiB);
    start();
    fetcher->prefetch({"*"});
    EXPECT_TRUE(eventually([&] { return fetcher->stats().bytes >= 40 * MiB; }));
    EXPECT_TRUE(eventually([&] { return fetcher->stats().waiting == 0; }));
    EXPECT_EQ(fetcher->stats().bytes, 40 * MiB);  // of 48, three quarters
}

TEST_F(FetcherTest, AnOpenedFileIsSweptWhileOthersWait) {
    limits.fetch_threads = 1;
    for (int i = 0; i < 30; ++i) put(fmt::format("{:02}.dat", i), 4 * MiB);
    put("model.safetensors", 4 * MiB);
    cache.reset();
    cache = *cache::Cache::open({.path = (base / "large").string(), .cache_bytes = 512 * MiB},
                                rig.clock(), rig.log());
    start();
    fetcher->prefetch({"*.dat"});
    EXPECT_TRUE(eventually([&] { return fetcher->stats().waiting >= limits.sweeps_max; }));
    open("model.safetensors");
    EXPECT_TRUE(eventually([&] { return complete("model.safetensors"); }));
    EXPECT_TRUE(eventually([&] { return fetcher->stats().bytes >= 31 * 4 * MiB; }));
}

TEST_F(FetcherTest, SiblingsWaitForRoom) {
    const auto shard = [](int i) { return fmt::format("model-{}-of-8.safetensors", i); };
    for (int i = 1; i <= 8; ++i) put(shard(i), 15 * MiB);  // three go into three quarters
    limits.fetch_threads = 1;                              // in the order of their names
    start();
    limits.sweeps_max = 1024;
    open(shard(1));
    EXPECT_TRUE(eventually([&] { return fetcher->stats().bytes >= 45 * MiB; }));
    EXPECT_TRUE(eventually([&] { return fetcher->stats().waiting == 0; }));
    EXPECT_EQ(fetcher->stats().bytes, 45 * MiB);
    for (const int i : {1, 2, 3}) EXPECT_TRUE(complete(shard(i))) << i;
    close(shard(1));
    open(shard(2));
    EXPECT_TRUE(eventually([&] { return complete(shard(4)); }));
    EXPECT_TRUE(eventually([&] { return fetcher->stats().waiting == 0; }));
    EXPECT_FALSE(complete(shard(5)));
    EXPECT_TRUE(complete(shard(2)) && complete(shard(3)));
}

}  // namespace
}  // namespace weir::mount
