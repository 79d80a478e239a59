#include "s3/proto/amz_date.h"

#include <gtest/gtest.h>

namespace weir::s3 {
namespace {

TEST(AmzDates, AreReadAndWritten) {
    const UnixNanos time = 1'369'353'600 * nanos_per_second;
    EXPECT_EQ(parse_amz_date("20130524T000000Z"), time);
    EXPECT_EQ(format_amz_date(time), "20130524T000000Z");
    EXPECT_EQ(format_amz_date(time + nanos_per_second - 1), "20130524T000000Z");
    EXPECT_EQ(parse_amz_date("20240229T235959Z").has_value(), true);
}

TEST(AmzDates, InAnotherFormAreRefused) {
    for (const std::string_view text :
         {"", "20130524", "20130524T000000", "20130524T000000z", "20130524 000000Z",
          "20130524T000000Z ", "2013-05-24T00:00:00Z", "20130230T000000Z", "20130524T240000Z",
          "20130524T006000Z", "2013+524T000000Z", "19690101T000000Z"})
        EXPECT_EQ(parse_amz_date(text), std::nullopt) << text;
}

}  // namespace
}  // namespace weir::s3
