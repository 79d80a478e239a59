#include "http/receive_buffer.h"

#include <cstring>

namespace weir::http {

std::span<std::byte> ReceiveBuffer::prepare(std::size_t count) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (storage_.size() - end_ < count) {
        if (begin_ > 0) std::memmove(storage_.data(), storage_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        if (storage_.size() - end_ < count) storage_.resize(end_ + count);
    }
    return std::span(storage_).subspan(end_);
}

}  // namespace weir::http
