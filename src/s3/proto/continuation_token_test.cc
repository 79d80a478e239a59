#include "s3/proto/continuation_token.h"

#include <gtest/gtest.h>

namespace weir::s3 {
namespace {

TEST(ContinuationToken, IsReadAsItWasWritten) {
    for (const std::string& name : {std::string("a"), std::string("models/llama/"),
                                    std::string("\xc3\xa9+ &%"), std::string(1024, 'k')})
        EXPECT_EQ(parse_continuation_token(continuation_token(name)).value(), name);
}

TEST(ContinuationToken, IsRefusedWhereNoNameCouldBeMeant) {
    const std::string nul("a\0b", 3), not_utf8("\xff"), too_long(1025, 'k');
    for (const std::string& token :
         {std::string(), std::string("a"), std::string("not base64"), continuation_token(nul),
          continuation_token(not_utf8), continuation_token(too_long)}) {
        const Result<std::string> refused = parse_continuation_token(token);
        ASSERT_FALSE(refused) << token;
        EXPECT_EQ(refused.error().code(), Code::invalid_argument);
    }
}

}  // namespace
}  // namespace weir::s3
