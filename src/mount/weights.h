#pragma once
// What names and index files say of model weights: which files are read whole, in which order, and
// which belong together. Pure functions.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::mount {

// Files that are read from the first byte to the last once somebody opens them.
bool is_weights(std::string_view name);
// Of these the ends are read first: zip archives (torch.save).
bool is_archive(std::string_view name);

// "model-00002-of-00004.safetensors": those that follow, in order; then those before it. Empty if
// the name is not of that kind, or tells of more than a thousand.
std::vector<std::string> numbered_siblings(std::string_view name);

// "model.safetensors.index.json" and the like.
bool is_weights_index(std::string_view name);
// The files that an index names, each once, in natural order ("10" after "9"); empty if it cannot
// be read. Only names that lie beside it.
std::vector<std::string> files_of_index(std::string_view json);

// Whether a path matches a pattern: "*" and "?" within a component, "**" across. A pattern without
// "/" is about the last component alone.
bool matches(std::string_view pattern, std::string_view path);

}  // namespace weir::mount
