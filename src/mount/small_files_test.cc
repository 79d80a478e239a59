#include "mount/small_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "cache/identity.h"

namespace weir::mount {
namespace {

constexpr std::uint64_t file_bytes = 1000;

cache::ObjectIdentity identity(int number, std::uint64_t bytes = file_bytes) {
    return {.endpoint = "http://store",
            .bucket = "bucket",
            .key = fmt::format("key-{}", number),
            .etag = "etag",
            .version_id = {},
            .size_bytes = bytes};
}

Result<std::optional<std::uint64_t>> filled(std::span<std::byte> out) {
    std::ranges::fill(out, std::byte{'x'});
    return std::nullopt;
}

class SmallFilesTest : public testing::Test {
  protected:
    SmallFilesTest() {
        std::string name = (std::filesystem::temp_directory_path() / "weir-small-XXXXXX").string();
        CHECK(::mkdtemp(name.data()) != nullptr);
        folder = name;
        limits.held_files_bytes_max = 4 * (file_bytes + KiB);
        open();
    }
    ~SmallFilesTest() override {
        files.reset();
        cache.reset();
        std::filesystem::remove_all(folder);
    }
    void open() {
        files.reset();
        cache.reset();
        cache =
            *cache::Cache::open({.path = folder.string(), .cache_bytes = 64 * MiB}, clock, *log);
        files = std::make_unique<SmallFiles>(*cache, limits, *log);
    }
    std::string in_cache(const cache::ObjectIdentity& of) {
        if (!cache->has(cache::entry_id(of))) return "<none>";
        std::string bytes(static_cast<std::size_t>(of.size_bytes), '\0');
        const auto entry = *cache->entry(of);
        if (!entry->read(0, std::as_writable_bytes(std::span(bytes)))) return "<part>";
        return bytes;
    }

    SystemClock clock;
    std::shared_ptr<Log> log = null_log();
    MountLimits limits;
    std::filesystem::path folder;
    std::unique_ptr<cache::Cache> cache;
    std::unique_ptr<SmallFiles> files;
};

TEST_F(SmallFilesTest, WhatWasFetchedIsInTheCacheAtTheEnd) {
    for (int i = 0; i < 4; ++i) {
        const auto file = files->of(identity(i));
        ASSERT_TRUE(file);
        ASSERT_TRUE(*file->fetch(filled, nullptr));
        EXPECT_EQ(as_text(file->bytes()), std::string(file_bytes, 'x'));
        files->keep(file);
    }
    files->stop();
    for (int i = 0; i < 4; ++i) EXPECT_EQ(in_cache(identity(i)), std::string(file_bytes, 'x'));
    // From there the next one has it.
    open();
    EXPECT_EQ(files->of(identity(0)), nullptr);
}

TEST_F(SmallFilesTest, LargeFilesAndWhatHasNoRoomAreTheCaches) {
    EXPECT_EQ(files->of(identity(0, limits.held_file_bytes_max + 1)), nullptr);
    std::vector<std::shared_ptr<SmallFile>> held;
    for (int i = 0; i < 4; ++i) held.push_back(files->of(identity(i)));
    EXPECT_EQ(files->of(identity(4)), nullptr);
    EXPECT_EQ(files->of(identity(3)), held[3]);
    held.pop_back();
    EXPECT_NE(files->of(identity(4)), nullptr);
}

TEST_F(SmallFilesTest, OneFetchesForAll) {
    const auto file = files->of(identity(0));
    std::atomic<int> fetched = 0, came = 0;
    std::vector<std::jthread> readers;
    for (int i = 0; i < 8; ++i)
        readers.emplace_back([&] {
            const Result<bool> mine = file->fetch(
                [&](std::span<std::byte> out) {
                    ++came;
                    return filled(out);
                },
                nullptr);
            ASSERT_TRUE(mine.has_value());
            fetched += *mine ? 1 : 0;
        });
    readers.clear();
    EXPECT_EQ(fetched, 1);
    EXPECT_EQ(came, 1);
}

TEST_F(SmallFilesTest, WhatFailsIsTriedAgainAndWhoIsInterruptedWaitsNoLonger) {
    const auto file = files->of(identity(0));
    const Result<bool> failed = file->fetch(
        [](std::span<std::byte>) -> Result<std::optional<std::uint64_t>> {
            return fail(Code::unavailable);
        },
        nullptr);
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code(), Code::unavailable);
    EXPECT_FALSE(file->present());
    net::Interrupt interrupt;
    const Result<bool> outer = file->fetch(
        [&](std::span<std::byte> out) {
            interrupt.interrupt();
            const Result<bool> inner = file->fetch(filled, &interrupt);
            EXPECT_EQ(inner.error().code(), Code::cancelled);
            return filled(out);
        },
        nullptr);
    EXPECT_TRUE(outer.value_or(false));
}

TEST_F(SmallFilesTest, WhatIsWrongIsNotKept) {
    const auto file = files->of(identity(0));
    ASSERT_TRUE(*file->fetch(
        [](std::span<std::byte> out) -> Result<std::optional<std::uint64_t>> {
            static_cast<void>(filled(out));
            return 1;  // not what the store says
        },
        nullptr));
    files->keep(file);
    files->stop();
    EXPECT_EQ(in_cache(identity(0)), "<none>");
}

}  // namespace
}  // namespace weir::mount
