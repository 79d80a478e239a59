// How far a command is, and files that are moved at the same time.

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "cli/s3/job_queue.h"
#include "cli/s3/progress_line.h"

namespace weir::cli {
namespace {

TEST(ProgressLine, TellsShareRateAndRest) {
    const std::string line = progress_line({.files = 1,
                                            .bytes = 1ULL << 30,
                                            .files_planned = 4,
                                            .bytes_planned = 4ULL << 30,
                                            .all_planned = true,
                                            .bytes_per_second = 1024.0 * 1024 * 1024 / 10},
                                           200);
    EXPECT_EQ(line,
              "[=====               ]  25%  1.0 GiB of 4.0 GiB  102.4 MiB/s  0:30 left  1 of 4 "
              "files");
}

TEST(ProgressLine, KnowsNoEndBeforeAllIsListed) {
    const std::string line = progress_line({.files = 1, .bytes = 10, .files_planned = 4}, 200);
    EXPECT_EQ(line, "10 B  0 B/s  1 files, 4 found");
    EXPECT_EQ(progress_line({.bytes = 10}, 4), "10 B");
}

TEST(ProgressLine, StaysWithinItsBounds) {
    const std::string line = progress_line(
        {.bytes = 20, .bytes_planned = 10, .all_planned = true, .bytes_per_second = 1e-9}, 200);
    EXPECT_NE(line.find("100%"), std::string::npos) << line;
    EXPECT_EQ(progress_line({.files_planned = 1, .all_planned = true}, 31),
              "[     ]   0%  0 B of 0 B  0 B/s");
    EXPECT_EQ(progress_line({.files_planned = 1, .all_planned = true}, 30),
              "  0%  0 B of 0 B  0 B/s");
}

TEST(ProgressLine, AmountsAndDurations) {
    EXPECT_EQ(amount(1023), "1023 B");
    EXPECT_EQ(amount(1536), "1.5 KiB");
    EXPECT_EQ(amount(5ULL << 40), "5.0 TiB");
    EXPECT_EQ(duration(std::chrono::seconds(65)), "1:05");
    EXPECT_EQ(duration(std::chrono::seconds(3723)), "1:02:03");
}

TEST(JobQueue, DoesAllAndSomeAtATime) {
    std::atomic<int> done = 0;
    JobQueue queue(3, 2);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 1000; ++i) queue.add([&] { ++done; });
        queue.wait();
        EXPECT_EQ(done.load(), 1000 * (round + 1));
    }
    std::latch all(3);
    for (int i = 0; i < 3; ++i) queue.add([&] { all.arrive_and_wait(); });
    queue.wait();
}

TEST(JobQueue, EndsWithWhatWasAdded) {
    std::atomic<int> done = 0;
    {
        JobQueue queue(2, 100);
        for (int i = 0; i < 100; ++i) queue.add([&] { ++done; });
    }
    EXPECT_EQ(done.load(), 100);
}

}  // namespace
}  // namespace weir::cli
