#include "cli/daemon_socket.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "cli/mount_table.h"
#include "io/socket_path.h"
#include "mount/status.h"

namespace weir::cli {
namespace {

// The kernel's list of connections is mounted where there is systemd.
void abort_connection(const std::string& device) {
    const std::string folder = "/sys/fs/fuse/connections";
    const std::string path = fmt::format("{}/{}/abort", folder, device);
    if (::access(path.c_str(), W_OK) != 0 && ::geteuid() == 0)
        ::mount("fusectl", folder.c_str(), "fusectl", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    std::ofstream(path) << "1";
}

}  // namespace

int connect_to_daemon(const std::string& folder) {
    const std::string path = mount::status_socket(mount::status_folder(), folder);
    const Result<io::SocketPath> name = io::SocketPath::of(path);
    if (!name) return -1;
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, name->text().data(), name->text().size());
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0 ||
        ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return socket;
    const int error = errno;
    ::close(socket);
    errno = error;
    return -1;
}

void give_up_dead(const std::string& folder) {
    const int socket = connect_to_daemon(folder);
    if (socket >= 0) ::close(socket);
    if (socket >= 0 || errno != ECONNREFUSED) return;
    // Where it cannot be ended, umount says what is wrong.
    const auto there = mounted_at(folder);
    if (there && *there) abort_connection((*there)->device);
    ::unlink(mount::status_socket(mount::status_folder(), folder).c_str());
}

}  // namespace weir::cli
