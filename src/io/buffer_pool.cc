#include "io/buffer_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <new>

#include "base/check.h"

namespace weir::io {
namespace {

// That of a huge page: one fault fills a buffer, and the kernel pins it for the disk at once.
constexpr std::size_t alignment = 2 * 1024 * 1024;

// Mapped, not allocated: what malloc gets back it may keep.
std::byte* map_aligned(std::size_t bytes) {
    void* const mapped = ::mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    auto* const begin = static_cast<std::byte*>(mapped);
    const std::size_t before =
        (alignment - reinterpret_cast<std::uintptr_t>(begin) % alignment) % alignment;
    if (before > 0) ::munmap(begin, before);
    if (before < alignment) ::munmap(begin + before + bytes, alignment - before);
    ::madvise(begin + before, bytes, MADV_HUGEPAGE);  // a wish
    return begin + before;
}

}  // namespace

void Buffer::reset() {
    if (pool_ != nullptr) std::exchange(pool_, nullptr)->give_back(std::exchange(bytes_, {}));
}

BufferPool::BufferPool(std::size_t buffer_bytes, std::size_t buffers_max, std::size_t waiting_max)
    : buffer_bytes_(buffer_bytes), buffers_max_(buffers_max), waiting_max_(waiting_max) {
    CHECK(buffer_bytes % static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) == 0);
}

BufferPool::~BufferPool() {
    MutexLock lock(mutex_);
    CHECK(free_.size() == made_);
    for (std::byte* bytes : free_) ::munmap(bytes, buffer_bytes_);
}

Buffer BufferPool::take() {
    if (free_.empty()) {
        if (made_ == buffers_max_) return {};
        free_.push_back(map_aligned(buffer_bytes_));
        ++made_;
    }
    std::byte* bytes = free_.back();
    free_.pop_back();
    fewest_free_ = std::min(fewest_free_, free_.size());
    return Buffer(this, {bytes, buffer_bytes_});
}

Buffer BufferPool::try_acquire() {
    MutexLock lock(mutex_);
    return waiting_.empty() ? take() : Buffer();
}

std::optional<BufferPool::Ticket> BufferPool::acquire(std::function<void(Buffer)> ready) {
    Buffer buffer;
    Ticket ticket = 0;
    {
        MutexLock lock(mutex_);
        ticket = next_ticket_++;
        if (waiting_.empty()) buffer = take();
        if (!buffer) {
            if (waiting_.size() >= waiting_max_) return std::nullopt;
            waiting_.emplace(ticket, std::move(ready));
            return ticket;
        }
    }
    ready(std::move(buffer));
    return ticket;
}

bool BufferPool::give_up(Ticket ticket) {
    MutexLock lock(mutex_);
    return waiting_.erase(ticket) > 0;
}

void BufferPool::give_back(std::span<std::byte> bytes) {
    std::function<void(Buffer)> next;
    {
        MutexLock lock(mutex_);
        if (!waiting_.empty()) {
            next = std::move(waiting_.begin()->second);
            waiting_.erase(waiting_.begin());
        } else {
            free_.push_back(bytes.data());
        }
    }
    if (next) next(Buffer(this, bytes));
}

void BufferPool::trim() {
    std::vector<std::byte*> unneeded;  // freed without the lock, which takes time
    {
        MutexLock lock(mutex_);
        const std::size_t surplus = free_.size() > idle_max ? free_.size() - idle_max : 0;
        const std::size_t count = std::min(fewest_free_, surplus);
        unneeded.assign(free_.end() - static_cast<std::ptrdiff_t>(count), free_.end());
        free_.resize(free_.size() - count);
        made_ -= count;
        fewest_free_ = free_.size();
    }
    for (std::byte* bytes : unneeded) ::munmap(bytes, buffer_bytes_);
}

std::size_t BufferPool::waiting() const {
    MutexLock lock(mutex_);
    return waiting_.size();
}

std::size_t BufferPool::made() const {
    MutexLock lock(mutex_);
    return made_;
}

std::size_t BufferPool::in_use() const {
    MutexLock lock(mutex_);
    return made_ - free_.size();
}

}  // namespace weir::io
