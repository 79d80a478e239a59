#pragma once
// A flat TOML file as option values: strings, integers, booleans, and arrays of strings. Pure but
// for reading the file.

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::cli {

using TomlValues = std::map<std::string, std::vector<std::string>>;

// invalid_argument with file and line for what is no TOML, or nested.
Result<TomlValues> read_toml(const std::string& path);

}  // namespace weir::cli
