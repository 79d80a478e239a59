#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/random.h"
#include "base/result.h"

namespace weir {
namespace {

TEST(ErrorTable, HasOneRowForEachCodeWithAStatusAndAnS3Code) {
    for (std::size_t i = 0; i < code_count; ++i) {
        const CodeInfo& row = info(static_cast<Code>(i));
        EXPECT_EQ(static_cast<std::size_t>(row.code), i);
        EXPECT_GE(row.http_status, 304u);
        EXPECT_FALSE(row.s3_code.empty());
        EXPECT_FALSE(row.message.empty());
    }
}

TEST(Hex, RoundTripsAndRefusesWhatIsNotHex) {
    const std::string bytes = random_bytes(33);
    EXPECT_EQ(hex_decode(hex_encode(bytes)), bytes);
    EXPECT_EQ(hex_decode("0A0b"), std::string("\x0a\x0b"));
    EXPECT_FALSE(hex_decode("abc"));
    EXPECT_FALSE(hex_decode("zz"));
}

TEST(Base64, MatchesRfc4648AndIsStrict) {
    EXPECT_EQ(base64_encode(""), "");
    EXPECT_EQ(base64_encode("f"), "Zg==");
    EXPECT_EQ(base64_encode("fo"), "Zm8=");
    EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
    for (std::size_t n = 0; n < 40; ++n) {
        const std::string bytes = random_bytes(n);
        EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    }
    EXPECT_FALSE(base64_decode("Zg="));
    EXPECT_FALSE(base64_decode("Zh=="));  // stray bits
    EXPECT_FALSE(base64_decode("Zg==Zg=="));
    EXPECT_FALSE(base64_decode("Z g="));
    EXPECT_FALSE(base64_decode("===="));
}

TEST(BigEndian, SortsAsTheNumbersDo) {
    std::string a, b;
    append_be64(a, 255);
    append_be64(b, 256);
    EXPECT_LT(a, b);
    EXPECT_EQ(read_be64(b), 256u);
}

Result<int> half(int n) {
    if (n % 2 != 0) return fail(Code::invalid_argument, "odd");
    return n / 2;
}
Result<int> quarter(int n) {
    TRY(const int h, half(n));
    return half(h);
}

TEST(Try, ReturnsTheValueOrTheError) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(6).error().message(), "odd");
}

}  // namespace
}  // namespace weir
