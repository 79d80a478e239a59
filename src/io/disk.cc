#include "io/disk.h"

#include <filesystem>

namespace weir::io {

Result<void> make_directories(Disk& disk, const std::string& path) {
    if (disk.stat(path)) return {};
    const std::string parent = std::filesystem::path(path).parent_path().string();
    if (!parent.empty() && parent != path) TRY_VOID(make_directories(disk, parent));
    TRY_VOID(disk.make_directory(path));
    if (!parent.empty()) TRY_VOID(disk.sync_directory(parent));
    return {};
}

}  // namespace weir::io
