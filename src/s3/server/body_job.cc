#include "s3/server/body_job.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

namespace weir::s3 {

namespace {

// So long a body may wait in vain at its beginning; more only as it grows older.
constexpr std::chrono::milliseconds patience_of_young_bodies(20);

}  // namespace

BodyJob::BodyJob(Exchange& exchange, net::Executor executor, store::BodyWriter& writer)
    : patience_max_(std::chrono::milliseconds(exchange.limits.hash_patience_ms)),
      executor_(executor),
      writer_(writer),
      storing_(exchange.pool, executor),
      hashing_(std::make_shared<Hashing>(boost::asio::steady_timer(executor), std::nullopt)),
      body_(exchange.lanes) {}

void BodyJob::start(Decode decode, bool more, bool alone) {
    using More = hash::LaneScheduler::Body::More;
    // Whoever hurried the job before may have come too late.
    body_.take_time();
    if (alone) body_.hurry();
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

BodyJob::SteadyClock::duration BodyJob::patience() const {
    const SteadyClock::duration left =
        (SteadyClock::now() - begin_) / 2 + patience_of_young_bodies - in_vain_;
    return std::clamp(left, SteadyClock::duration(0), patience_max_);
}

net::Task<bool> BodyJob::wait_for_digests() {
    constexpr auto as_tuple = boost::asio::as_tuple(net::use_task);
    boost::asio::steady_timer& timer = hashing_->timer;
    if (!hashing_->ended) {
        const SteadyClock::duration patience = this->patience();
        timer.expires_after(patience);
        co_await timer.async_wait(as_tuple);
        if (!hashing_->ended) in_vain_ += patience;
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
