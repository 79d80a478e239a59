#pragma once
// Buffers of a body on their way to its digests, where they may wait for the buffers of other
// bodies to be hashed with (hash/lane_scheduler.h), and to the disk at the same time, while its
// coroutine receives the next one. Two at a time, so that who hashes can go on at once.
//
// Used on one core. Whatever the work refers to must live until wait() has returned, so wait()
// before leaving, always.

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "hash/lane_scheduler.h"
#include "s3/server/background_job.h"
#include "s3/server/exchange.h"
#include "store/body_writer.h"

namespace weir::s3 {

class BodyJob {
  public:
    BodyJob(Exchange& exchange, net::Executor executor, store::BodyWriter& writer);

    // Runs on the blocking pool: what of the body a buffer holds.
    using Decode = std::function<Result<std::span<const std::byte>>()>;

    // stored() of the job before must have returned, and wait(1). `more` is whether another buffer
    // is to be expected, `alone` whether it waits for no other bodies. A full pool shows in
    // stored() or wait(), as slow_down.
    void start(Decode decode, bool more, bool alone);
    // Whether what was started last is on the disk; success if nothing was.
    net::Task<Result<void>> stored();
    // Until at most so many buffers are needed; says how that went. Has some patience with other
    // bodies, then hurries: in the company of slower ones a body takes at most twice as long as
    // alone, and a little.
    net::Task<Result<void>> wait(std::size_t needed = 0);
    // The buffers, as many as were started last, that may still be needed.
    std::size_t needed() const { return hashing_.size(); }
    // What was started does not wait for other bodies any longer.
    void hurry() { body_.hurry(); }

  private:
    // The core's alone: whoever hashed only posts to it.
    struct Hashing {
        boost::asio::steady_timer timer;  // ended by the hashing's end
        std::optional<hash::LaneScheduler::Ended> ended;
    };

    using SteadyClock = std::chrono::steady_clock;

    net::Task<bool> wait_for_digests(Hashing& hashing);
    SteadyClock::duration patience() const;

    Exchange& exchange_;
    const SteadyClock::time_point begin_ = SteadyClock::now();
    SteadyClock::duration waited_{0};  // for others, so far
    net::Executor executor_;
    store::BodyWriter& writer_;
    BackgroundJob storing_;
    std::deque<std::shared_ptr<Hashing>> hashing_;
    bool posted_ = true;  // written by the job that stores, read once that has been waited for
    hash::LaneScheduler::Body body_;
};

}  // namespace weir::s3
