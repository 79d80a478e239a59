// weir umount: unmounts, and returns when the daemon has written what it still had to write.

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/mount_table.h"
#include "cli/unmount.h"
#include "io/socket_path.h"
#include "mount/status.h"

namespace weir::cli {
namespace {

constexpr std::string_view usage = "usage: weir umount DIR [--lazy]";

class Descriptor {
  public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return descriptor_; }

  private:
    const int descriptor_;
};

// The daemon that answers at the mount's status socket, as a descriptor that is readable once it
// has ended; -1 if none does.
int open_daemon(const std::string& folder) {
    const std::string path = mount::status_socket(mount::status_folder(), folder);
    const Result<io::SocketPath> name = io::SocketPath::of(path);
    if (!name) return -1;
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, name->text().data(), name->text().size());
    if (socket.get() < 0 ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return -1;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    return static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0));
}

bool wait_for_end(int daemon) {
    pollfd ended{.fd = daemon, .events = POLLIN, .revents = 0};
    constexpr int millis_per_second = 1000;
    return ::poll(&ended, 1, static_cast<int>(umount_wait_s) * millis_per_second) > 0;
}

Result<void> umount(const std::string& given, bool lazy) {
    TRY(const std::string folder, real_folder(given));
    TRY(const std::optional<Mounted> there, mounted_at(folder));
    if (!there)
        return fail(Code::not_found, fmt::format("nothing of Weir's is mounted at {}", folder));
    if (is_dead(folder)) return unmount(folder, true);
    const Descriptor daemon(open_daemon(folder));
    TRY_VOID(unmount(folder, lazy));
    if (lazy || daemon.get() < 0 || wait_for_end(daemon.get())) return {};
    return fail(Code::timeout,
                fmt::format("{} is unmounted, but after {} s its daemon still writes to the store; "
                            "weir mount status shows what",
                            folder, umount_wait_s));
}

}  // namespace

int run_umount(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const bool lazy = take_switch(arguments, "--lazy") || take_switch(arguments, "-l");
    if (arguments.size() != 1 || arguments.front().starts_with('-'))
        return complain(usage, misused);
    const Result<void> unmounted = umount(arguments.front(), lazy);
    return unmounted ? done : complain(unmounted.error().message(), failed);
}

}  // namespace weir::cli
