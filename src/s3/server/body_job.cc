#include "s3/server/body_job.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.h"

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
      body_(exchange.lanes) {}

void BodyJob::start(Decode decode, bool more, bool alone) {
    using Body = hash::LaneScheduler::Body;
    CHECK(hashing_.size() < 2);
    const auto hashing =
        std::make_shared<Hashing>(boost::asio::steady_timer(executor_), std::nullopt);
    hashing_.push_back(hashing);
    posted_ = false;
    // Whoever hurried the job before may have come too late.
    body_.take_time();
    if (alone) body_.hurry();
    storing_.start([this, decode = std::move(decode), more, hashing]() -> Result<void> {
        TRY(const std::span<const std::byte> bytes, decode());
        posted_ = true;
        body_.post(writer_.digester_input(bytes), more ? Body::More::expected : Body::More::none,
                   [hashing, executor = executor_](const hash::LaneScheduler::Ended& ended) {
                       boost::asio::post(executor, [hashing, ended] {
                           hashing->ended = ended;
                           hashing->timer.cancel();
                       });
                   });
        return writer_.store(bytes);
    });
}

net::Task<Result<void>> BodyJob::stored() {
    Result<void> stored = co_await storing_.wait();
    if (!std::exchange(posted_, true)) hashing_.pop_back();
    co_return stored;
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

net::Task<bool> BodyJob::wait_for_digests(Hashing& hashing) {
    constexpr auto as_tuple = boost::asio::as_tuple(net::use_task);
    const SteadyClock::time_point begin = SteadyClock::now();
    if (!hashing.ended) {
        hashing.timer.expires_after(patience());
        co_await hashing.timer.async_wait(as_tuple);
    }
    if (!hashing.ended) {
        body_.hurry();
        hashing.timer.expires_at(SteadyClock::time_point::max());
        co_await hashing.timer.async_wait(as_tuple);
    }
    waited_ += std::max(hashing.ended->gathered - begin, SteadyClock::duration(0));
    co_return hashing.ended->hashed;
}

net::Task<Result<void>> BodyJob::wait(std::size_t needed) {
    Result<void> outcome;
    // Nobody starts another before the last one is stored.
    if (needed == 0) outcome = co_await stored();
    while (hashing_.size() > needed) {
        const std::shared_ptr<Hashing> first = hashing_.front();
        const bool hashed = co_await wait_for_digests(*first);
        hashing_.pop_front();
        if (!hashed && outcome) outcome = fail(Code::slow_down);
    }
    co_return outcome;
}

}  // namespace weir::s3
