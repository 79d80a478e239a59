#pragma once
// A piece of blocking work that runs while its coroutine goes on: start it, do something else, wait
// for it. One at a time.
//
// Used on one core. Whatever the work refers to must live until wait() has returned, so wait()
// before leaving, always.

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "io/blocking_pool.h"
#include "net/task.h"

namespace weir::s3 {

class BackgroundJob {
  public:
    BackgroundJob(io::BlockingPool& pool, net::Executor executor);

    // The job before must have been waited for. A full pool shows in wait(), as slow_down.
    void start(std::function<Result<void>()> work);
    // The outcome of what was started last; success if nothing was.
    net::Task<Result<void>> wait();

  private:
    struct State {
        bool running = false;
        Result<void> outcome;
        std::function<void()> resume;
    };

    io::BlockingPool& pool_;
    net::Executor executor_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace weir::s3
