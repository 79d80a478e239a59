#include "mount/streams.h"

#include <gtest/gtest.h>

namespace weir::mount {
namespace {

constexpr MountLimits limits{};
constexpr std::uint64_t read_bytes = 128 * KiB;

TEST(Streams, FetchEveryByteOnceBeforeASequentialReaderGetsThere) {
    constexpr std::uint64_t file_bytes = 300 * MiB + 17;
    Streams streams(limits, file_bytes, TiB);
    std::uint64_t fetched = 0;
    for (std::uint64_t at = 0; at < file_bytes; at += read_bytes) {
        const Streams::Next next = streams.reads(at, read_bytes);
        if (next.fetch) {
            EXPECT_GE(next.fetch->offset, fetched);
            EXPECT_LE(next.fetch->length, limits.window_bytes_max);
            // What the first read itself asks for is not fetched ahead of it.
            EXPECT_LE(next.fetch->offset, std::max(fetched, read_bytes));
            fetched = next.fetch->offset + next.fetch->length;
        }
        EXPECT_GE(fetched, std::min(at + read_bytes, file_bytes));
    }
    EXPECT_EQ(fetched, file_bytes);
    EXPECT_EQ(streams.count(), 1U);
}

TEST(Streams, DoNothingForRandomReads) {
    Streams streams(limits, 10 * GiB, TiB);
    for (std::uint64_t i = 1; i < 100; ++i)
        EXPECT_FALSE(streams.reads((i * 7'919 % 100) * 64 * MiB + 32 * MiB, 4 * KiB).fetch);
    EXPECT_LE(streams.count(), limits.streams_max);
}

TEST(Streams, TellSeveralReadersApart) {
    Streams streams(limits, 10 * GiB, TiB);
    std::uint64_t fetched[3] = {};
    for (std::uint64_t i = 0; i < 64; ++i)
        for (std::uint64_t reader = 0; reader < 3; ++reader) {
            const auto next = streams.reads(reader * GiB + i * read_bytes, read_bytes);
            if (next.fetch) fetched[reader] += next.fetch->length;
        }
    EXPECT_EQ(streams.count(), 3U);
    for (const std::uint64_t bytes : fetched) EXPECT_GE(bytes, 64 * read_bytes);
}

TEST(Streams, AllowTheKernelToAskOutOfOrder) {
    Streams streams(limits, GiB, TiB);
    for (std::uint64_t i = 0; i < 64; i += 2) {
        streams.reads((i + 1) * read_bytes, read_bytes);
        streams.reads(i * read_bytes, read_bytes);
    }
    EXPECT_EQ(streams.count(), 1U);
}

TEST(Streams, GiveUpWhatLiesBehind) {
    Streams streams(limits, 10 * GiB, TiB);
    std::uint64_t behind = 0, at = 0;
    for (; at < GiB; at += MiB) {
        const auto next = streams.reads(at, MiB);
        if (!next.behind) continue;
        EXPECT_EQ(next.behind->offset, behind);
        behind += next.behind->length;
        EXPECT_LT(behind, at);
    }
    EXPECT_GT(behind, GiB - 128 * MiB);
}

}  // namespace
}  // namespace weir::mount
