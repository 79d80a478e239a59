#include "cli/daemon_socket.h"

#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <thread>

#include "cli/mount_table.h"
#include "io/socket_path.h"
#include "mount/connection.h"
#include "mount/status.h"

namespace weir::cli {
namespace {

constexpr std::chrono::seconds answers_within{10};

// Whether anybody, or the kernel in his place, says a word about it. Who does not is waited for on
// a thread of its own, which ends with the process.
bool answers(const std::string& folder) {
    const auto said = std::make_shared<std::promise<void>>();
    std::future<void> word = said->get_future();
    std::thread([said, folder] {
        struct statfs unused{};
        static_cast<void>(::statfs(folder.c_str(), &unused));
        said->set_value();
    }).detach();
    return word.wait_for(answers_within) == std::future_status::ready;
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
    const auto there = mounted_at(folder);
    // Another user's daemon has its socket elsewhere.
    if (!there || !*there || (*there)->owner != ::geteuid()) return;
    const int socket = connect_to_daemon(folder);
    if (socket >= 0) ::close(socket);
    if (socket >= 0 || errno != ECONNREFUSED) return;
    // The socket may be an older daemon's.
    if (!answers(folder)) mount::abort_connection((*there)->device);
}

}  // namespace weir::cli
