#pragma once
// From a core to the threads that may wait, and back: `co_await run_blocking(pool, work)` runs
// `work` on the pool and goes on, on the same core, with its Result; Code::slow_down if too much
// waits already. It cannot be cancelled: whatever the work refers to in the coroutine's frame
// stays.

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "io/blocking_pool.h"
#include "io/buffer_pool.h"
#include "net/task.h"

namespace weir::net {

template <typename Work>
auto run_blocking(io::BlockingPool& pool, Work& work) -> Task<decltype(work())> {
    using Outcome = decltype(work());
    std::optional<Outcome> outcome;
    const Executor executor = co_await boost::asio::this_coro::executor;
    auto initiate = [&pool, &work, &outcome, &executor](auto handler) {
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        auto run = [&work, &outcome, executor, resume] {
            outcome.emplace(work());
            boost::asio::post(executor, [resume] { std::move (*resume)(); });
        };
        if (pool.submit(std::move(run))) return;
        outcome.emplace(fail(Code::slow_down));
        boost::asio::post(executor, [resume] { std::move (*resume)(); });
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>, void()>(
        std::move(initiate), use_task);
    co_return *std::move(outcome);
}

// Calls `start(done)` and goes on, on the same core, with what `done` is called with: once, by any
// thread.
template <typename Outcome, typename Start>
Task<Outcome> when_done(Start& start) {
    std::optional<Outcome> outcome;
    const Executor executor = co_await boost::asio::this_coro::executor;
    auto initiate = [&start, &outcome, &executor](auto handler) {
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        start([&outcome, executor, resume](Outcome done) {
            outcome.emplace(std::move(done));
            boost::asio::post(executor, [resume] { std::move (*resume)(); });
        });
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>, void()>(
        std::move(initiate), use_task);
    co_return *std::move(outcome);
}

// A buffer, when one is free; slow_down where too many wait for one, or nobody gave one back for so
// long.
Task<Result<io::Buffer>> acquire_buffer(io::BufferPool& pool, std::chrono::milliseconds patience);

}  // namespace weir::net
