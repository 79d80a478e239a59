#include "client/wait_for_buffer.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace weir::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Who waits looks so often whether he is to stop.
constexpr milliseconds wait_slice{50};

// Where a buffer is laid down for who waits; it outlives him if he gives up.
struct Slot {
    Mutex mutex;
    ConditionVariable filled;
    io::Buffer buffer GUARDED_BY(mutex);
};

bool is_filled(Slot& slot) {
    MutexLock lock(slot.mutex);
    if (!slot.buffer) slot.filled.wait_for(slot.mutex, wait_slice);
    return static_cast<bool>(slot.buffer);
}

}  // namespace

Result<io::Buffer> wait_for_buffer(io::BufferPool& pool, const net::Interrupts& interrupts,
                                   milliseconds patience) {
    if (io::Buffer buffer = pool.try_acquire()) return buffer;
    const auto slot = std::make_shared<Slot>();
    const std::optional<io::BufferPool::Ticket> ticket = pool.acquire([slot](io::Buffer buffer) {
        MutexLock lock(slot->mutex);
        slot->buffer = std::move(buffer);
        slot->filled.notify_one();
    });
    if (!ticket) return fail(Code::slow_down, "too many calls wait for a buffer");
    const auto end = steady_clock::now() + patience;
    while (!is_filled(*slot)) {
        const bool stop = net::interrupted(interrupts);
        if (!stop && steady_clock::now() < end) continue;
        // Too late to give up: it is being laid down.
        if (!pool.give_up(*ticket) && !stop) continue;
        return fail(stop ? Code::cancelled : Code::slow_down,
                    stop ? "the call was interrupted" : "no buffer became free");
    }
    MutexLock lock(slot->mutex);
    return std::move(slot->buffer);
}

}  // namespace weir::client
