#pragma once
// Who reads a file in order, and from where: several at once, since tensors of several types, or
// several processes, interleave. For each a window before it, which doubles as long as it goes on.
//
// Not synchronized: its owner's lock. Pure otherwise.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "cache/entry.h"

namespace weir::mount {

class Streams {
  public:
    // `room_bytes`: of the cache, of which one file's windows take an eighth at most.
    Streams(const MountLimits& limits, std::uint64_t file_bytes, std::uint64_t room_bytes)
        : streams_max_(limits.streams_max),
          window_bytes_min_(limits.window_bytes_min),
          window_bytes_max_(
              std::max(window_bytes_min_, std::min(limits.window_bytes_max, room_bytes / 8))),
          kept_bytes_(std::min(limits.kept_bytes, room_bytes / 8)),
          file_bytes_(file_bytes) {}

    struct Next {
        std::optional<cache::ByteRange> fetch = {};   // that should be there soon
        std::optional<cache::ByteRange> behind = {};  // that nobody is likely to read again
    };
    Next reads(std::uint64_t offset, std::uint64_t bytes);

    std::size_t count() const { return streams_.size(); }

  private:
    struct Stream {
        std::uint64_t at = 0;         // where it goes on
        std::uint64_t window = 0;     // 0: not seen to go on yet
        std::uint64_t fetched = 0;    // to here
        std::uint64_t discarded = 0;  // to here
        std::uint64_t used = 0;
    };

    Stream* find(std::uint64_t offset, std::uint64_t bytes);

    std::size_t streams_max_;
    std::uint64_t window_bytes_min_, window_bytes_max_;
    std::uint64_t kept_bytes_;  // behind a reader
    std::uint64_t file_bytes_;
    std::uint64_t now_ = 0;
    std::vector<Stream> streams_;
};

}  // namespace weir::mount
