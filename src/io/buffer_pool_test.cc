#include "io/buffer_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

namespace weir::io {
namespace {

TEST(BufferPool, LendsAlignedBuffersUpToItsBound) {
    BufferPool pool(8192, 2, 0);
    Buffer first = pool.try_acquire(), second = pool.try_acquire();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first.bytes().size(), 8192u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.bytes().data()) % 4096, 0u);
    EXPECT_FALSE(pool.try_acquire());
    EXPECT_EQ(pool.in_use(), 2u);
    const std::byte* const memory = first.bytes().data();
    first.reset();
    EXPECT_EQ(pool.try_acquire().bytes().data(), memory) << "the same memory is used again";
}

TEST(BufferPool, ServesThoseWhoWaitInTheirOrder) {
    BufferPool pool(4096, 1, 3);
    Buffer held = pool.try_acquire();
    std::vector<int> order;
    std::vector<Buffer> given(3);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(pool.acquire([&, i](Buffer buffer) {
            order.push_back(i);
            given[static_cast<std::size_t>(i)] = std::move(buffer);
        }));
    }
    EXPECT_TRUE(order.empty());
    held.reset();
    EXPECT_FALSE(pool.try_acquire()) << "nobody overtakes those who wait";
    given[0].reset();
    given[1].reset();
    given[2].reset();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(pool.in_use(), 0u);
}

TEST(BufferPool, LetsOnlySoManyWaitAndNobodyWhoGaveUp) {
    BufferPool pool(4096, 1, 2);
    Buffer held = pool.try_acquire();
    std::vector<int> served;
    const auto wait = [&](int who) {
        return pool.acquire([&served, who](const Buffer&) { served.push_back(who); });
    };
    const std::optional<BufferPool::Ticket> first = wait(1), second = wait(2);
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(wait(3));
    EXPECT_EQ(pool.waiting(), 2u);
    EXPECT_TRUE(pool.give_up(*first));
    EXPECT_FALSE(pool.give_up(*first));
    EXPECT_TRUE(wait(4));
    held.reset();
    EXPECT_EQ(served, (std::vector<int>{2, 4}));
    EXPECT_FALSE(pool.give_up(*second));
}

TEST(BufferPool, MovingABufferMovesTheLoan) {
    BufferPool pool(4096, 2, 0);
    Buffer a = pool.try_acquire();
    Buffer b = std::move(a);
    EXPECT_EQ(pool.in_use(), 1u);
    b = pool.try_acquire();
    EXPECT_EQ(pool.in_use(), 1u) << "what b held went back";
}

TEST(BufferPool, KeepsWhatIsNeededNowAndThenAndGivesTheRestBack) {
    BufferPool pool(4096, 40, 0);
    const auto take = [&pool](std::size_t count) {
        std::vector<Buffer> taken;
        for (std::size_t i = 0; i < count; ++i) taken.push_back(pool.try_acquire());
        return taken;
    };
    take(30);
    EXPECT_EQ(pool.made(), 30u);
    pool.trim();
    EXPECT_EQ(pool.made(), 30u) << "they were needed";
    take(20);
    pool.trim();
    EXPECT_EQ(pool.made(), 20u);
    const std::vector<Buffer> held = take(4);
    pool.trim();
    pool.trim();
    EXPECT_EQ(pool.made(), 12u) << "those that are held, and a few";
    take(36);
    EXPECT_EQ(pool.made(), 40u);
}

TEST(BufferPool, NeverLendsOneBufferTwice) {
    constexpr std::size_t threads = 4, buffers = 3;
    BufferPool pool(4096, buffers, 0);
    std::atomic<std::size_t> lent = 0;
    std::vector<std::thread> users;
    for (std::size_t t = 0; t < threads; ++t) {
        users.emplace_back([&, t] {
            for (int i = 0; i < 2000;) {
                Buffer buffer = pool.try_acquire();
                if (!buffer) continue;
                EXPECT_LE(++lent, buffers);
                std::memset(buffer.bytes().data(), static_cast<int>(t), buffer.bytes().size());
                EXPECT_EQ(buffer.bytes().back(), static_cast<std::byte>(t));
                --lent;
                ++i;
            }
        });
    }
    for (std::thread& user : users) user.join();
    EXPECT_EQ(pool.in_use(), 0u);
}

}  // namespace
}  // namespace weir::io
