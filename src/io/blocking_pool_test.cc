#include "io/blocking_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>

namespace weir::io {
namespace {

TEST(BlockingPool, RunsEverythingThatItTook) {
    std::atomic<int> ran = 0;
    BlockingPool pool(4, 1000);
    for (int i = 0; i < 1000; ++i) {
        while (!pool.submit([&] { ++ran; })) std::this_thread::yield();
    }
    pool.stop();
    EXPECT_EQ(ran, 1000);
}

TEST(BlockingPool, RefusesWhatItsQueueCannotHold) {
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    std::latch both_run(2);
    BlockingPool pool(2, 3);
    const auto wait = [&, gate] {
        both_run.count_down();
        gate.wait();
    };
    ASSERT_TRUE(pool.submit(wait));
    ASSERT_TRUE(pool.submit(wait));
    both_run.wait();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.submit([] {}));
    EXPECT_FALSE(pool.submit([] {}));
    EXPECT_EQ(pool.queued(), 3u);
    EXPECT_EQ(pool.threads(), 2u);
    open.set_value();
    pool.stop();
    EXPECT_EQ(pool.queued(), 0u);
}

TEST(BlockingPool, StartsNoMoreThreadsThanItNeeds) {
    BlockingPool pool(8, 8);
    for (int i = 0; i < 20; ++i) {
        std::promise<void> done;
        ASSERT_TRUE(pool.submit([&] { done.set_value(); }));
        done.get_future().wait();
    }
    // One after the other; a thread that has not come back to wait yet may cost another one.
    EXPECT_LE(pool.threads(), 8u);
    EXPECT_GE(pool.threads(), 1u);
}

TEST(BlockingPool, TakesNothingAfterStop) {
    BlockingPool pool(1, 1);
    pool.stop();
    EXPECT_FALSE(pool.submit([] {}));
}

}  // namespace
}  // namespace weir::io
