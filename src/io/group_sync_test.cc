#include "io/group_sync.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace weir::io {
namespace {

TEST(GroupSync, CoversWhatCameBeforeTheCallAndIsShared) {
    constexpr int threads_max = 8, rounds = 500;
    std::atomic<std::uint64_t> written = 0, durable = 0, syncs = 0;
    GroupSync group([&]() -> Result<void> {
        const std::uint64_t covered = written;
        ++syncs;
        std::this_thread::yield();
        durable = covered;
        return {};
    });
    std::vector<std::thread> threads;
    for (int i = 0; i < threads_max; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                const std::uint64_t mine = ++written;
                ASSERT_TRUE(group.sync());
                ASSERT_GE(durable, mine);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(syncs, static_cast<std::uint64_t>(threads_max * rounds));
}

TEST(GroupSync, NeverSucceedsAfterAFailure) {
    int calls = 0;
    GroupSync group([&]() -> Result<void> {
        if (++calls == 2) return fail(Code::io_error, "lost");
        return {};
    });
    EXPECT_TRUE(group.sync());
    EXPECT_FALSE(group.failure());
    EXPECT_EQ(group.sync().error().message(), "lost");
    EXPECT_EQ(group.sync().error().message(), "lost");
    EXPECT_EQ(group.failure()->message(), "lost");
    EXPECT_EQ(calls, 2);
}

// Those who wait for the next sync while one fails hear of it too: what they wrote may have gone
// with it.
TEST(GroupSync, TellsAFailureToAllWhoWait) {
    std::atomic<int> calls = 0, asked = 0, failures = 0;
    constexpr int others = 4;
    GroupSync group([&]() -> Result<void> {
        if (++calls > 1) return {};
        while (asked < others) std::this_thread::yield();
        return fail(Code::io_error, "lost");
    });
    std::vector<std::thread> threads;
    threads.emplace_back([&] { failures += group.sync() ? 0 : 1; });
    while (calls == 0) std::this_thread::yield();
    for (int i = 0; i < others; ++i) {
        threads.emplace_back([&] {
            ++asked;
            failures += group.sync() ? 0 : 1;
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures, others + 1);
    EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace weir::io
