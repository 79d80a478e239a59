#pragma once
// Belongs to a connection, one thread at a time.

#include <cstddef>
#include <span>
#include <vector>

namespace weir::http {

// Bytes that were received before they were asked for: the end of a read that held a head.
class ReceiveBuffer {
  public:
    std::span<const std::byte> bytes() const {
        return std::span(storage_).subspan(begin_, end_ - begin_);
    }
    void consume(std::size_t count) { begin_ += count; }
    // Space for at least `count` more; committed() says how many came.
    std::span<std::byte> prepare(std::size_t count);
    void committed(std::size_t count) { end_ += count; }

  private:
    std::vector<std::byte> storage_;
    std::size_t begin_ = 0, end_ = 0;
};

}  // namespace weir::http
