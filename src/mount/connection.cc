#include "mount/connection.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

namespace weir::mount {

void abort_connection(const std::string& device) {
    const std::string folder = "/sys/fs/fuse/connections";
    const std::string path = fmt::format("{}/{}/abort", folder, device);
    // Where there is systemd it has mounted this; who is root may, and it stays, as there.
    if (::access(path.c_str(), W_OK) != 0 && ::geteuid() == 0)
        ::mount("fusectl", folder.c_str(), "fusectl", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    std::ofstream(path) << "1";
}

}  // namespace weir::mount
