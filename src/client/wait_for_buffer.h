#pragma once
// A buffer of the pool, for a thread that may wait for one. Private to client.
//
// Safe from any thread. slow_down where none became free in time or too many wait, cancelled.

#include <chrono>

#include "base/result.h"
#include "io/buffer_pool.h"
#include "net/interrupt.h"

namespace weir::client {

Result<io::Buffer> wait_for_buffer(io::BufferPool& pool, const net::Interrupts& interrupts,
                                   std::chrono::milliseconds patience);

}  // namespace weir::client
