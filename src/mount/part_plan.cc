#include "mount/part_plan.h"

#include "base/check.h"

namespace weir::mount {

PartPlan::PartPlan(std::uint64_t part_bytes) : part_bytes_(part_bytes) {
    CHECK(part_bytes >= part_bytes_min && part_bytes * stretches.back().times <= put_bytes_max);
}

Slot PartPlan::at(std::uint64_t offset) const {
    CHECK(offset < object_bytes_max);
    std::uint64_t begin = 0;
    unsigned number = 1;
    for (const Stretch& stretch : stretches) {
        const std::uint64_t bytes = part_bytes_ * stretch.times;
        const std::uint64_t index = (offset - begin) / bytes;
        if (index < stretch.parts)
            return {number + static_cast<unsigned>(index),
                    {begin + index * bytes, begin + (index + 1) * bytes}};
        begin += bytes * stretch.parts;
        number += stretch.parts;
    }
    check_failed("the parts are enough for every object", std::source_location::current());
}

}  // namespace weir::mount
