#include "s3/proto/range.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::s3 {
namespace {

std::string outcome(std::string_view header, std::uint64_t object_bytes) {
    const auto range = parse_range(header, object_bytes);
    if (!range) return std::string(info(range.error().code()).name);
    return *range ? content_range(**range, object_bytes) : "whole";
}

TEST(Ranges, NameBytesOfTheObjectOrAllOfIt) {
    struct Row {
        std::string_view header;
        std::uint64_t object_bytes;
        std::string_view expected;
    };
    const std::vector<Row> table{
        {"bytes=0-0", 10, "bytes 0-0/10"},
        {"bytes=0-9", 10, "bytes 0-9/10"},
        {"bytes=0-10", 10, "bytes 0-9/10"},
        {"bytes=4-7", 10, "bytes 4-7/10"},
        {"bytes=9-", 10, "bytes 9-9/10"},
        {"bytes=0-", 10, "bytes 0-9/10"},
        {"bytes=-1", 10, "bytes 9-9/10"},
        {"bytes=-10", 10, "bytes 0-9/10"},
        {"bytes=-11", 10, "bytes 0-9/10"},
        {" Bytes = 1-2 ", 10, "bytes 1-2/10"},
        {"bytes=5-99999999999999999999999", 10, "bytes 5-9/10"},
        {"bytes=-99999999999999999999999", 10, "bytes 0-9/10"},
        {"bytes=0-18446744073709551615", 10, "bytes 0-9/10"},
        {"bytes=10-", 10, "invalid_range"},
        {"bytes=10-20", 10, "invalid_range"},
        {"bytes=99999999999999999999999-", 10, "invalid_range"},
        {"bytes=-0", 10, "invalid_range"},
        {"bytes=0-", 0, "invalid_range"},
        {"bytes=0-0", 0, "invalid_range"},
        {"bytes=-5", 0, "invalid_range"},
        {"", 10, "whole"},
        {"bytes", 10, "whole"},
        {"bytes=", 10, "whole"},
        {"bytes=-", 10, "whole"},
        {"bytes=5", 10, "whole"},
        {"bytes=5-4", 10, "whole"},
        {"bytes=20-15", 10, "whole"},
        {"bytes=0-1,3-4", 10, "whole"},
        {"bytes=a-b", 10, "whole"},
        {"bytes=1-b", 10, "whole"},
        {"bytes=0x1-2", 10, "whole"},
        {"bytes=+1-2", 10, "whole"},
        {"bytes=--2", 10, "whole"},
        {"bytes=1 - 2", 10, "whole"},
        {"items=0-1", 10, "whole"},
    };
    for (const Row& row : table)
        EXPECT_EQ(outcome(row.header, row.object_bytes), row.expected) << row.header;
    EXPECT_EQ(unsatisfied_content_range(10), "bytes */10");
}

TEST(CopySourceRanges, NeedBothEndsWithinTheObject) {
    EXPECT_EQ(parse_copy_source_range("bytes=0-9", 10), (ByteRange{.offset = 0, .length = 10}));
    EXPECT_EQ(parse_copy_source_range("bytes=3-3", 10), (ByteRange{.offset = 3, .length = 1}));
    for (const std::string_view text :
         {"0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=hello-", "bytes=0-2,3-5",
          "bytes=0-", "bytes=-2", "bytes=2-1", "bytes=-", ""})
        EXPECT_EQ(parse_copy_source_range(text, 10).error().code(), Code::invalid_argument) << text;
    for (const std::string_view text :
         {"bytes=0-10", "bytes=10-11", "bytes=0-99999999999999999999"})
        EXPECT_EQ(parse_copy_source_range(text, 10).error().code(), Code::invalid_range) << text;
    EXPECT_EQ(parse_copy_source_range("bytes=0-0", 0).error().code(), Code::invalid_range);
}

}  // namespace
}  // namespace weir::s3
