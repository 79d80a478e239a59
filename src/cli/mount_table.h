#pragma once
// The kernel's table of mounts, as far as it is about Weir's.
//
// Plain values; safe from any thread. Failure: io_error where /proc is not there.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::cli {

struct Mounted {
    std::string folder = {};
    std::string source = {};
    unsigned owner = 0;       // user id of whoever mounted
    std::string device = {};  // its number, as the kernel calls the connection: "53"
    bool operator==(const Mounted&) const = default;
};

// The text of /proc/self/mountinfo: those of the type fuse.weir, in the order of mounting.
std::vector<Mounted> parse_mount_table(std::string_view text);
Result<std::vector<Mounted>> mounted();
// The one at that very folder (the last, if they are stacked).
Result<std::optional<Mounted>> mounted_at(const std::string& folder);

// Its daemon is gone: all that is asked of it fails.
bool is_dead(const std::string& folder);

// Absolute and without links but for the last name, which is not looked into: nobody may answer
// there.
Result<std::string> mount_name(const std::string& path);
// Absolute and without links, the last name too where it answers.
Result<std::string> real_folder(const std::string& path);

}  // namespace weir::cli
