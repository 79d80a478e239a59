#pragma once
// Where a listing goes on: the name that the last page ended with, in a form that no client takes
// for one. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
//
// Pure functions; safe from any thread.

#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::s3 {

std::string continuation_token(std::string_view after);

// The name. Clients may send anything: invalid_argument for what is no token.
Result<std::string> parse_continuation_token(std::string_view token);

}  // namespace weir::s3
