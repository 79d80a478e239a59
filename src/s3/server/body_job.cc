#include "s3/server/body_job.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

namespace weir::s3 {

namespace {

// So long a body may wait for others at its beginning; more only as it grows older.
constexpr std::chrono::milliseconds patience_of_young_bodies(20);

}  // namespace

BodyJob::BodyJob(Exchange& exchange, net::Executor executor, store::BodyWriter& writer)
    : exchange_(exchange),
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
    using Milliseconds = std::chrono::milliseconds;
    // Whoever holds buffers that others wait for has none.
    if (exchange_.buffers.contended()) return SteadyClock::duration(0);
    const SteadyClock::duration left =
        (SteadyClock::now() - begin_) / 2 + patience_of_young_bodies - waited_;
    return std::clamp<SteadyClock::duration>(left, SteadyClock::duration(0),
                                             Milliseconds(exchange_.limits.hash_patience_ms));
}

net::Task<bool> BodyJob::wait_for_digests() {
    constexpr auto as_tuple = boost::asio::as_tuple(net::use_task);
    boost::asio::steady_timer& timer = hashing_->timer;
    const SteadyClock::time_point begin = SteadyClock::now();
    if (!hashing_->ended) {
        timer.expires_after(patience());
        co_await timer.async_wait(as_tuple);
    }
    if (!hashing_->ended) {
        body_.hurry();
        timer.expires_at(SteadyClock::time_point::max());
        co_await timer.async_wait(as_tuple);
    }
    waited_ += std::max(body_.gathered() - begin, SteadyClock::duration(0));
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
