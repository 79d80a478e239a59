#include "s3/proto/continuation_token.h"

#include "base/bytes.h"
#include "s3/proto/names.h"

namespace weir::s3 {

std::string continuation_token(std::string_view after) { return base64_encode(after); }

Result<std::string> parse_continuation_token(std::string_view token) {
    std::optional<std::string> after = base64_decode(token);
    // Names of buckets and common prefixes are within what a key may be.
    if (!after || !check_object_key(*after))
        return fail(Code::invalid_argument, "The continuation token provided is incorrect");
    return *std::move(after);
}

}  // namespace weir::s3
