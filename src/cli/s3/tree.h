#pragma once
// What lies below a source or a destination: names with sizes and times, one after the other in the
// order of their bytes, so that two trees can be walked side by side without holding either.
//
// Belongs to its command; one thread. Failure: the error of whoever was asked. What cannot be taken
// although the rest can (a link to nothing, a folder that may not be read) is told to `on_problem`;
// then the tree is not complete.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace weir::cli {

struct Entry {
    std::string name = {};  // below the root, with '/' between its parts
    std::uint64_t bytes = 0;
    UnixNanos modified = 0;
    bool operator==(const Entry&) const = default;
};

// A folder as some tools write it into a bucket: an empty object. No file stands for it.
inline bool is_folder_marker(const Entry& entry) {
    return entry.bytes == 0 && (entry.name.empty() || entry.name.ends_with('/'));
}

// A sentence for people.
using OnProblem = std::function<void(const std::string&)>;

class Tree {
  public:
    virtual ~Tree() = default;
    // nullopt at the end.
    virtual Result<std::optional<Entry>> next() = 0;
};

}  // namespace weir::cli
