// Continuation tokens: what is taken for one is a name that a listing may begin behind, and its own
// token gives it back; every name that may be a key has one. Input: the token, or the name.

#include "fuzz_input.h"
#include "s3/proto/continuation_token.h"
#include "s3/proto/names.h"

namespace weir::s3 {
namespace {

void check(std::string_view input) {
    if (const Result<std::string> after = parse_continuation_token(input)) {
        CHECK(check_object_key(*after).has_value());
        CHECK(continuation_token(*after) == input);
    }
    const Result<std::string> again = parse_continuation_token(continuation_token(input));
    CHECK(again.has_value() == check_object_key(input).has_value());
    if (again) CHECK(*again == input);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
