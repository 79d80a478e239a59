#include "s3/server/body_job.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

namespace weir::s3 {

BodyJob::BodyJob(Exchange& exchange, net::Executor executor, store::BodyWriter& writer)
    : patience_(exchange.limits.hash_patience_ms),
      executor_(executor),
      writer_(writer),
      storing_(exchange.pool, executor),
      hashing_(std::make_shared<Hashing>(boost::asio::steady_timer(executor), std::nullopt)),
      body_(exchange.lanes) {}

void BodyJob::start(Decode decode, bool more) {
    using More = hash::LaneScheduler::Body::More;
    storing_.start([this, decode = std::move(decode), more]() -> Result<void> {
        TRY(const std::span<const std::byte> bytes, decode());
        posted_ = true;
        body_.post(writer_.digester_input(bytes), more ? More::expected : More::none,
                   [hashing = hashing_, executor = executor_](bool hashed) {
                       boost::asio::post(executor, [hashing, hashed] {
                           hashing->ended = hashed;
                           hashing->timer.cancel();
                       });
                   });
        return writer_.store(bytes);
    });
}

net::Task<bool> BodyJob::wait_for_digests() {
    constexpr auto as_tuple = boost::asio::as_tuple(net::use_task);
    boost::asio::steady_timer& timer = hashing_->timer;
    if (!hashing_->ended) {
        timer.expires_after(patience_);
        co_await timer.async_wait(as_tuple);
    }
    if (!hashing_->ended) {
        body_.hurry();
        timer.expires_at(std::chrono::steady_clock::time_point::max());
        co_await timer.async_wait(as_tuple);
    }
    co_return *std::exchange(hashing_->ended, std::nullopt);
}

net::Task<Result<void>> BodyJob::wait() {
    Result<void> stored = co_await storing_.wait();
    if (!std::exchange(posted_, false)) co_return stored;
    const bool hashed = co_await wait_for_digests();
    if (!hashed && stored) co_return fail(Code::slow_down);
    co_return stored;
}

}  // namespace weir::s3
