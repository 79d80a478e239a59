#include "client/crew.h"

#include <optional>

#include "base/mutex.h"

namespace weir::client {

// Outlives the call, for threads that come late: they find it closed and touch nothing else.
struct Crew::Shared {
    Shared(const Step& step_in, net::Interrupt& interrupt_in)
        : step(step_in), interrupt(interrupt_in) {}

    const Step& step;           // while open
    net::Interrupt& interrupt;  // while open
    Mutex mutex;
    ConditionVariable left;
    std::size_t working GUARDED_BY(mutex) = 0;
    bool open GUARDED_BY(mutex) = true;
    std::optional<Error> error GUARDED_BY(mutex);
};

void Crew::work(Shared& shared) {
    {
        MutexLock lock(shared.mutex);
        if (!shared.open) return;
        ++shared.working;
    }
    for (;;) {
        const Result<bool> more = shared.step();
        MutexLock lock(shared.mutex);
        // Those that were interrupted by it come after the first.
        if (!more && !shared.error) {
            shared.error = more.error();
            shared.interrupt.interrupt();
        }
        if (more && *more && !shared.error) continue;
        --shared.working;
        shared.left.notify_all();
        return;
    }
}

Result<void> Crew::run(std::size_t parallelism, const Step& step) {
    const auto shared = std::make_shared<Shared>(step, interrupt_);
    for (std::size_t i = 1; i < parallelism; ++i)
        if (!pool_.submit([shared] { work(*shared); })) break;
    work(*shared);
    MutexLock lock(shared->mutex);
    while (shared->working > 0) shared->left.wait(shared->mutex);
    shared->open = false;
    if (shared->error) return fail(*shared->error);
    return {};
}

}  // namespace weir::client
