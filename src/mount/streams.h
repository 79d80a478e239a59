#pragma once
// Who reads a file in order, and from where: several at once, since tensors of several types, or
// several processes, interleave. For each a window before it, which doubles as long as it goes on.
//
// Not synchronized: its owner's lock. Pure otherwise.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "cache/entry.h"

namespace weir::mount {

class Streams {
  public:
    Streams(const MountLimits& limits, std::uint64_t file_bytes)
        : limits_(&limits), file_bytes_(file_bytes) {}

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

    const MountLimits* limits_;
    std::uint64_t file_bytes_;
    std::uint64_t now_ = 0;
    std::vector<Stream> streams_;
};

}  // namespace weir::mount
