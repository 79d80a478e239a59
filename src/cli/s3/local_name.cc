#include "cli/s3/local_name.h"

#include <fmt/format.h>

#include <climits>

namespace weir::cli {
namespace {

std::string_view why_not(std::string_view part) {
    if (part.empty()) return "it has an empty part, which no file system keeps apart";
    if (part == "." || part == "..") return "it leads out of the folder, or nowhere";
    if (part.size() > NAME_MAX) return "a part of it is longer than a file's name may be";
    return {};
}

}  // namespace

Result<void> check_local_name(std::string_view name) {
    if (name.find('\0') != std::string_view::npos)
        return fail(Code::invalid_argument, "a key with a NUL cannot be a file's name");
    for (std::string_view rest = name;;) {
        const std::size_t slash = rest.find('/');
        const std::string_view why = why_not(rest.substr(0, slash));
        if (!why.empty())
            return fail(Code::invalid_argument,
                        fmt::format("'{}' cannot be a file's name: {}", name, why));
        if (slash == std::string_view::npos) return {};
        rest.remove_prefix(slash + 1);
    }
}

std::string local_path(std::string_view folder, std::string_view name) {
    std::string path(folder);
    if (!path.empty() && !path.ends_with('/')) path += '/';
    return path.append(name);
}

}  // namespace weir::cli
