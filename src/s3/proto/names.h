#pragma once
// What may be a bucket's name and an object's key.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
//
// Pure functions; safe from any thread.

#include <string_view>

#include "base/result.h"

namespace weir::s3 {

// The rules for general purpose buckets, those of reserved prefixes and suffixes included;
// invalid_bucket_name says which one is broken.
Result<void> check_bucket_name(std::string_view name);

// 1 to 1024 bytes of UTF-8 without NUL: key_too_long, invalid_argument.
Result<void> check_object_key(std::string_view key);

}  // namespace weir::s3
