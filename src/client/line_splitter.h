#pragma once
// Text that comes in pieces, as lines. Private to client.
//
// Belongs to whoever reads; one thread. Failure: entity_too_large for a line longer than the bound,
// and the sink's own errors; of no use any more after one.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace weir::client {

class LineSplitter {
  public:
    explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

    // Gives each line that ends within the piece to `sink`, without its end; empty ones are passed
    // over. What follows the last end waits for the next piece.
    template <typename Sink>
    Result<void> feed(std::string_view piece, const Sink& sink) {
        while (!piece.empty()) {
            const std::size_t end = piece.find('\n');
            begun_ += piece.substr(0, end);
            if (begun_.size() > line_bytes_max_)
                return fail(Code::entity_too_large, "a line of the stream is too long");
            if (end == std::string_view::npos) return {};
            piece.remove_prefix(end + 1);
            const std::string line = std::exchange(begun_, {});
            if (!line.empty()) TRY_VOID(sink(std::string_view(line)));
        }
        return {};
    }

    // Has a line begun that did not end?
    bool in_line() const { return !begun_.empty(); }

  private:
    const std::size_t line_bytes_max_;
    std::string begun_;
};

}  // namespace weir::client
