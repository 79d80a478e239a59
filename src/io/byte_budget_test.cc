#include "io/byte_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace weir::io {
namespace {

TEST(ByteBudget, IsSharedOutUpToItsBound) {
    ByteBudget budget(100);
    ByteBudget::Share first = budget.share(), second = budget.share();
    EXPECT_TRUE(first.grow_to(60));
    EXPECT_EQ(second.grow_to(41).error().code(), Code::slow_down);
    EXPECT_TRUE(second.grow_to(40));
    EXPECT_EQ(first.grow_to(61).error().code(), Code::slow_down);
    EXPECT_TRUE(first.grow_to(10)) << "it never shrinks, so that is no more than it has";
    EXPECT_EQ(budget.in_use(), 100u);
    first.reset();
    EXPECT_EQ(budget.in_use(), 40u);
    EXPECT_TRUE(second.grow_to(100));
}

TEST(ByteBudget, MovingAShareMovesItsBytes) {
    ByteBudget budget(100);
    {
        ByteBudget::Share first = budget.share();
        EXPECT_TRUE(first.grow_to(30));
        ByteBudget::Share second = std::move(first);
        EXPECT_EQ(budget.in_use(), 30u);
        second = budget.share();
        EXPECT_EQ(budget.in_use(), 0u);
    }
    EXPECT_EQ(budget.in_use(), 0u);
}

TEST(ByteBudget, IsOverdrawnOnlyByThoseWhoMay) {
    ByteBudget budget(100);
    ByteBudget::Share first = budget.share(), second = budget.share();
    first.grow_anyway_to(150);
    EXPECT_EQ(budget.in_use(), 150u);
    EXPECT_FALSE(second.grow_to(1));
    first.reset();
    EXPECT_TRUE(second.grow_to(100));
}

TEST(ByteBudget, HoldsUnderManyHands) {
    ByteBudget budget(1000);
    std::atomic<std::size_t> held = 0;
    std::vector<std::jthread> holders;
    for (int i = 0; i < 4; ++i) {
        holders.emplace_back([&] {
            for (int n = 0; n < 20'000; ++n) {
                ByteBudget::Share share = budget.share();
                if (!share.grow_to(300)) continue;
                EXPECT_LE(held += 300, 1000u);
                held -= 300;
            }
        });
    }
    holders.clear();
    EXPECT_EQ(budget.in_use(), 0u);
}

}  // namespace
}  // namespace weir::io
