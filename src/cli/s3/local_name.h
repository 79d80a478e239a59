#pragma once
// Keys as names of files below a folder. A key is what anybody wrote into a bucket, so only those
// are taken that lead to a place inside the folder, and to one place each.
//
// Pure functions; safe from any thread. Failure: invalid_argument, with the name and what is wrong.

#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::cli {

// Refused: a '/' at the beginning, at the end or after another one, "." and ".." as parts, parts
// longer than file systems take, and NUL.
Result<void> check_local_name(std::string_view name);

// The path of a name that was checked.
std::string local_path(std::string_view folder, std::string_view name);

}  // namespace weir::cli
