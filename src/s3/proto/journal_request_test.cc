#include "s3/proto/journal_request.h"

#include <gtest/gtest.h>

namespace weir::s3 {
namespace {

Result<JournalRequest> parsed(std::vector<NamedText> query) {
    return parse_journal_request({.method = "GET", .query = std::move(query)});
}

TEST(JournalRequest, TakesWhatIsGiven) {
    const JournalRequest plain = parsed({{"weir-journal", ""}, {"bucket", "b"}}).value();
    EXPECT_EQ(plain.bucket, "b");
    EXPECT_EQ(plain.prefix, "");
    EXPECT_EQ(plain.after, std::nullopt);
    EXPECT_EQ(plain.incarnation, std::nullopt);
    EXPECT_EQ(plain.heartbeat, std::chrono::seconds(3));
    const JournalRequest full = parsed({{"bucket", "b"},
                                        {"prefix", "a/"},
                                        {"after", "18446744073709551614"},
                                        {"incarnation", "x"},
                                        {"heartbeat", "60"}})
                                    .value();
    EXPECT_EQ(full.prefix, "a/");
    EXPECT_EQ(full.after, 18446744073709551614u);
    EXPECT_EQ(full.incarnation, "x");
    EXPECT_EQ(full.heartbeat, std::chrono::seconds(60));
}

TEST(JournalRequest, RefusesWhatIsNone) {
    const std::string long_prefix(1025, 'x');
    for (const std::vector<NamedText>& query :
         std::vector<std::vector<NamedText>>{{},
                                             {{"bucket", ""}},
                                             {{"bucket", "b"}, {"prefix", long_prefix}},
                                             {{"bucket", "b"}, {"after", ""}},
                                             {{"bucket", "b"}, {"after", "-1"}},
                                             {{"bucket", "b"}, {"after", "+1"}},
                                             {{"bucket", "b"}, {"after", " 1"}},
                                             {{"bucket", "b"}, {"after", "1x"}},
                                             {{"bucket", "b"}, {"after", "18446744073709551615"}},
                                             {{"bucket", "b"}, {"heartbeat", "0"}},
                                             {{"bucket", "b"}, {"heartbeat", "61"}},
                                             {{"bucket", "b"}, {"heartbeat", "1.5"}}})
        EXPECT_FALSE(parsed(query)) << (query.empty() ? "" : query.back().value);
}

}  // namespace
}  // namespace weir::s3
