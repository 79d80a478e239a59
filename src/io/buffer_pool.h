#pragma once
// Aligned buffers of one size, whole pages,, bounded in number and used again, so that bodies
// neither grow memory nor fault fresh pages in. Whoever finds none leaves a callback and is called
// when one comes back; so many may wait, and whoever waited long enough gives up.
//
// Owned by main(), outlives its Buffers; safe from any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace weir::io {

class BufferPool;

// One buffer, given back when it goes.
class Buffer {
  public:
    Buffer() = default;
    Buffer(BufferPool* pool, std::span<std::byte> bytes) : pool_(pool), bytes_(bytes) {}
    ~Buffer() { reset(); }
    Buffer(Buffer&& other) noexcept { *this = std::move(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        reset();
        pool_ = std::exchange(other.pool_, nullptr);
        bytes_ = std::exchange(other.bytes_, {});
        return *this;
    }

    explicit operator bool() const { return pool_ != nullptr; }
    std::span<std::byte> bytes() const { return bytes_; }
    void reset();

  private:
    BufferPool* pool_ = nullptr;
    std::span<std::byte> bytes_;
};

class BufferPool {
  public:
    BufferPool(std::size_t buffer_bytes, std::size_t buffers_max, std::size_t waiting_max);
    ~BufferPool();

    // Empty if all are in use.
    Buffer try_acquire();
    // Calls `ready` with a buffer: at once, or later from the thread that gave one back. First
    // come, first served. nullopt if too many wait already: then it is never called.
    using Ticket = std::uint64_t;
    std::optional<Ticket> acquire(std::function<void(Buffer)> ready);
    // False if `ready` was called, or is about to be.
    bool give_up(Ticket ticket);

    std::size_t buffer_bytes() const { return buffer_bytes_; }
    std::size_t in_use() const;
    // In use or free.
    std::size_t made() const;
    std::size_t waiting() const;
    // Does anybody wait for one?
    bool contended() const { return waiting() > 0; }

    // Gives those back to the system that nobody needed since the last call, but for a few. For
    // its owner, every few seconds: an idle server is small, and a busy one does not fault pages in
    // all the time.
    void trim();

  private:
    friend class Buffer;
    void give_back(std::span<std::byte> bytes);
    Buffer take() REQUIRES(mutex_);

    static constexpr std::size_t idle_max = 8;  // that trim() leaves

    const std::size_t buffer_bytes_, buffers_max_, waiting_max_;
    mutable Mutex mutex_;
    std::vector<std::byte*> free_ GUARDED_BY(mutex_);
    std::size_t fewest_free_ GUARDED_BY(mutex_) = 0;  // since trim()
    std::size_t made_ GUARDED_BY(mutex_) = 0;
    std::map<Ticket, std::function<void(Buffer)>> waiting_ GUARDED_BY(mutex_);
    Ticket next_ticket_ GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::io
