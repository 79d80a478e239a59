#pragma once
// How a file is cut into the parts of a multipart upload. The cuts do not depend on the file's
// size, so that parts can go while the file is still being written: small ones first, then larger
// ones, such that the numbers that S3 has are enough for the largest object.
//
// Pure values; safe from any thread.

#include <array>
#include <cstdint>

#include "base/limits.h"
#include "mount/dirty_ranges.h"

namespace weir::mount {

struct Slot {
    unsigned number = 0;  // of the part, from 1
    Span span = {};
};

class PartPlan {
  public:
    // Of the first parts, at least part_bytes_min; later ones are 4, 16 and 200 times as large.
    explicit PartPlan(std::uint64_t part_bytes);

    // The part that holds this byte, whole. CHECK: the byte can be one of an object.
    Slot at(std::uint64_t offset) const;

  private:
    struct Stretch {
        unsigned parts;
        unsigned times;  // as large as the first parts
    };
    static constexpr std::array<Stretch, 4> stretches = {
        {{1000, 1}, {1000, 4}, {2000, 16}, {6000, 200}}};

    std::uint64_t part_bytes_;
};

}  // namespace weir::mount
