#include "s3/proto/model_time.h"

#include <gtest/gtest.h>

namespace weir::s3 {
namespace {

constexpr UnixNanos example = 784'111'777 * nanos_per_second;  // RFC 9110's

TEST(Dates, AreWrittenAsHttpAndAsIso) {
    EXPECT_EQ(format_http_date(example), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(format_http_date(example + 999'999'999), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(format_iso_date(example), "1994-11-06T08:49:37.000Z");
    EXPECT_EQ(format_iso_date(example + 5'999'999), "1994-11-06T08:49:37.005Z");
    EXPECT_EQ(format_iso_date(0), "1970-01-01T00:00:00.000Z");
}

TEST(Dates, AreReadInEveryFormThatClientsSend) {
    for (const std::string_view text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
          "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
          "Sun, 06 Nov 1994 08:49:37 +0000", "1994-11-06T08:49:37Z", "1994-11-06T08:49:37.000Z",
          "1994-11-06T08:49:37", "1994-11-06T09:49:37+01:00", "1994-11-06T04:19:37-0430",
          "784111777", "784111777.0", "  784111777 "}) {
        EXPECT_EQ(parse_date(text), example) << text;
    }
    EXPECT_EQ(parse_date("1994-11-06T08:49:37.123456789Z"), example + 123'456'789);
    EXPECT_EQ(parse_date("784111777.25"), example + 250'000'000);
    EXPECT_EQ(parse_date("1994-11-06"), example - (8 * 3600 + 49 * 60 + 37) * nanos_per_second);
    EXPECT_EQ(parse_date("Thu, 01-Jan-70 00:00:00 GMT"), 0u);
    EXPECT_TRUE(parse_date("Thu, 29 Feb 2024 00:00:00 GMT").has_value());
}

TEST(Dates, ThatAreNoneAreRefused) {
    for (const std::string_view text : {"",
                                        " ",
                                        "yesterday",
                                        "Sun",
                                        "Sun, ",
                                        "Sun, 06 Nov",
                                        "Foo, 06 Nov 1994 08:49:37 GMT",
                                        "Sun, 06 Nov 1994 08:49:37 PST",
                                        "Sun, 06 Nov 1994 24:00:00 GMT",
                                        "Thu, 29 Feb 2023 00:00:00 GMT",
                                        "1994-13-06T08:49:37Z",
                                        "1994-11-06T08:49:37.Zx",
                                        "1994-11-06T08:49:37Zz",
                                        "1969-12-31T23:59:59Z",
                                        "9999-01-01T00:00:00Z",
                                        "-1",
                                        "1e9",
                                        "784111777.",
                                        "99999999999999999999",
                                        "0x10",
                                        "1994-11",
                                        "20260102T030405Z"}) {
        EXPECT_FALSE(parse_date(text).has_value()) << text;
    }
}

TEST(Dates, OfAnyTimeComeBackFromTheirText) {
    for (UnixNanos time = 0; time < 9'000'000'000 * nanos_per_second;
         time += 86'400'123'000'000 * 17) {
        EXPECT_EQ(parse_date(format_iso_date(time)), time);
        EXPECT_EQ(parse_date(format_http_date(time)), time - time % nanos_per_second);
    }
}

}  // namespace
}  // namespace weir::s3
