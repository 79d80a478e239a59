// The set of bytes against a vector of bool, with random ranges.

#include "mount/dirty_ranges.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace weir::mount {
namespace {

TEST(DirtyRanges, MergesWhatTouches) {
    DirtyRanges ranges;
    ranges.add({10, 20});
    ranges.add({30, 40});
    EXPECT_EQ(ranges.count(), 2U);
    ranges.add({20, 30});
    EXPECT_EQ(ranges.all(), (std::vector<Span>{{10, 40}}));
    ranges.add({5, 5});
    EXPECT_EQ(ranges.count(), 1U);
    EXPECT_EQ(ranges.gaps({0, 50}), (std::vector<Span>{{0, 10}, {40, 50}}));
    ranges.truncate(10);
    EXPECT_TRUE(ranges.empty());
}

TEST(DirtyRanges, IsASetOfBytes) {
    const char* given = std::getenv("WEIR_TEST_SEED");
    const unsigned seed = given != nullptr ? static_cast<unsigned>(std::stoul(given))
                                           : static_cast<unsigned>(std::random_device()());
    SCOPED_TRACE(fmt::format("WEIR_TEST_SEED={}", seed));
    std::mt19937 random(seed);
    constexpr std::uint64_t size = 200;
    for (int round = 0; round < 200; ++round) {
        DirtyRanges ranges;
        std::vector<bool> model(size);
        for (int step = 0; step < 30; ++step) {
            const std::uint64_t a = random() % size, b = random() % size;
            const Span span{std::min(a, b), std::max(a, b)};
            if (random() % 8 == 0) {
                ranges.truncate(span.end);
                std::fill(model.begin() + static_cast<std::ptrdiff_t>(span.end), model.end(),
                          false);
            } else {
                ranges.add(span);
                std::fill(model.begin() + static_cast<std::ptrdiff_t>(span.begin),
                          model.begin() + static_cast<std::ptrdiff_t>(span.end), true);
            }
            const std::uint64_t c = random() % size, d = random() % size;
            const Span asked{std::min(c, d), std::max(c, d)};
            std::vector<bool> gap(size);
            for (const Span& one : ranges.gaps(asked)) {
                EXPECT_LT(one.begin, one.end);
                for (std::uint64_t i = one.begin; i < one.end; ++i) gap[i] = true;
            }
            std::uint64_t in = 0;
            for (std::uint64_t i = asked.begin; i < asked.end; ++i) {
                in += model[i] ? 1 : 0;
                EXPECT_EQ(gap[i], !model[i]) << i;
            }
            EXPECT_EQ(ranges.covers(asked), in == asked.bytes());
            EXPECT_EQ(ranges.touches(asked), in > 0);
            std::uint64_t last = 0;
            for (const Span& one : ranges.all()) {
                EXPECT_TRUE(one.begin > last || (one.begin == 0 && last == 0));
                last = one.end;
            }
        }
    }
}

}  // namespace
}  // namespace weir::mount
