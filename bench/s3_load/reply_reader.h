#pragma once
// Finds where a reply ends, and keeps its beginning for whoever wants to see what went wrong. Bytes
// that no one needs are not copied out of the kernel.
//
// Owned by one Connection, used by its thread. A reply that makes no sense counts as broken.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "transport.h"

namespace weir::bench {

class ReplyReader {
  public:
    enum class State { reading, done, closed, broken };

    void begin(bool head_only);
    // Takes what the transport has, a bounded amount; `bytes` grows by what was body.
    State read(Transport& transport, std::uint64_t& bytes);

    bool anything() const { return filled_ != 0; }
    unsigned status() const { return status_; }
    bool closes() const { return closes_; }
    // The head, and as much of the body as came with it.
    std::string beginning() const { return {buffer_.data(), filled_}; }
    // Whether it is what was asked for: 2xx, and no errors in the body of a DeleteObjects.
    bool good() const;

  private:
    enum class Part { head, sized, chunked, until_close };

    State read_head(Transport& transport, std::uint64_t& bytes);
    State read_chunks(Transport& transport, std::uint64_t& bytes);
    State parse_head(std::string_view head);
    State take_chunks(std::string_view text, std::uint64_t& bytes);

    std::array<char, 32 * 1024> buffer_;
    std::size_t filled_ = 0;
    Part part_ = Part::head;
    bool head_only_ = false;
    bool closes_ = false;
    unsigned status_ = 0;
    std::uint64_t left_ = 0;  // of the body, or of the chunk and its line end
    std::string chunk_line_;
    bool last_chunk_ = false;
};

}  // namespace weir::bench
