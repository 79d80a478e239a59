#include "s3/server/background_job.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "base/check.h"

namespace weir::s3 {

BackgroundJob::BackgroundJob(io::BlockingPool& pool, net::Executor executor)
    : pool_(pool), executor_(std::move(executor)) {}

void BackgroundJob::start(std::function<Result<void>()> work) {
    CHECK(!state_->running);
    state_->running = true;
    // The state is the core's: the pool's thread only posts to it.
    auto run = [state = state_, executor = executor_, work = std::move(work)] {
        auto outcome = std::make_shared<Result<void>>(work());
        boost::asio::post(executor, [state, outcome] {
            state->running = false;
            state->outcome = std::move(*outcome);
            if (state->resume) std::exchange(state->resume, nullptr)();
        });
    };
    if (pool_.submit(std::move(run))) return;
    state_->running = false;
    state_->outcome = fail(Code::slow_down);
}

net::Task<Result<void>> BackgroundJob::wait() {
    if (state_->running) {
        auto initiate = [state = state_.get()](auto handler) {
            auto resume = std::make_shared<decltype(handler)>(std::move(handler));
            state->resume = [resume] { std::move (*resume)(); };
        };
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<net::Executor>,
                                             void()>(std::move(initiate), net::use_task);
    }
    co_return std::exchange(state_->outcome, Result<void>());
}

}  // namespace weir::s3
