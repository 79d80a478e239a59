#include "mount/part_plan.h"

#include <gtest/gtest.h>

namespace weir::mount {
namespace {

TEST(PartPlan, CutsEveryObjectIntoPartsThatS3Takes) {
    for (const std::uint64_t part_bytes : {part_bytes_min, 8 * MiB, 25 * MiB}) {
        const PartPlan plan(part_bytes);
        std::uint64_t end = 0;
        unsigned number = 0;
        while (end < object_bytes_max) {
            const Slot slot = plan.at(end);
            ASSERT_EQ(slot.number, ++number);
            ASSERT_EQ(slot.span.begin, end);
            ASSERT_GE(slot.span.bytes(), part_bytes_min);
            ASSERT_LE(slot.span.bytes(), put_bytes_max);
            ASSERT_EQ(plan.at(slot.span.begin + slot.span.bytes() / 2).number, number);
            end = slot.span.end;
            if (end < object_bytes_max) ASSERT_EQ(plan.at(end - 1).number, number);
        }
        EXPECT_LE(number, part_number_max);
    }
}

}  // namespace
}  // namespace weir::mount
