#pragma once
// The threads of one transfer: the caller's own, and those of a pool that are free. Private to
// client.
//
// Belongs to its call. `step` is run by several threads at a time, until it says that nothing is
// left or one fails; then the others are interrupted. No thread is in a step once run() has
// returned, however late the pool finds time for one.

#include <functional>
#include <memory>

#include "base/result.h"
#include "io/blocking_pool.h"
#include "net/interrupt.h"

namespace weir::client {

class Crew {
  public:
    Crew(io::BlockingPool& pool, const net::Interrupt* parent) : pool_(pool), interrupt_(parent) {}

    // False: there is nothing left to begin.
    using Step = std::function<Result<bool>()>;
    // The first error.
    Result<void> run(std::size_t parallelism, const Step& step);

    // For the calls within a step.
    const net::Interrupt& interrupt() const { return interrupt_; }

  private:
    struct Shared;
    static void work(Shared& shared);

    io::BlockingPool& pool_;
    net::Interrupt interrupt_;
};

}  // namespace weir::client
