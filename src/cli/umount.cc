// weir umount: unmounts, and returns when the daemon has written what it still had to write.

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/daemon_socket.h"
#include "cli/mount_table.h"
#include "cli/unmount.h"

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

// The same daemon, as a descriptor that is readable once it has ended; -1 if it has.
int open_process(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    return static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0));
}

bool await_end(int socket) {
    constexpr std::string_view request = "GET /end HTTP/1.1\r\nHost: localhost\r\n\r\n";
    return ::send(socket, request.data(), request.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(request.size());
}

bool readable(int descriptor, std::chrono::steady_clock::time_point until) {
    pollfd waits{.fd = descriptor, .events = POLLIN, .revents = 0};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    return ::poll(&waits, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) > 0;
}

// What the daemon answered: how many files it could not write. nullopt if it ended without a word.
std::optional<std::size_t> unsaved_files(int socket, std::chrono::steady_clock::time_point until) {
    constexpr std::size_t reply_bytes_max = 4096;
    std::string reply;
    std::array<char, reply_bytes_max> piece{};
    while (reply.size() < reply_bytes_max && readable(socket, until)) {
        const ssize_t bytes = ::recv(socket, piece.data(), piece.size(), 0);
        if (bytes <= 0) break;
        reply.append(piece.data(), static_cast<std::size_t>(bytes));
        const std::size_t body = reply.find("\r\n\r\n");
        if (body == std::string::npos || reply.find('\n', body + 4) == std::string::npos) continue;
        std::size_t files = 0;
        const char* begin = reply.data() + body + 4;
        if (std::from_chars(begin, reply.data() + reply.size(), files).ec == std::errc())
            return files;
        break;
    }
    return std::nullopt;
}

Result<void> await_daemon(const std::string& folder, int socket, int process) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(umount_wait_s);
    const std::optional<std::size_t> unsaved = unsaved_files(socket, until);
    if (process >= 0 && !readable(process, until))
        return fail(Code::timeout,
                    fmt::format("{} is unmounted, but after {} s its daemon still writes to the "
                                "store; weir mount status shows what",
                                folder, umount_wait_s));
    if (!unsaved)
        return fail(Code::unavailable,
                    fmt::format("{} is unmounted, but its daemon did not say whether all is in the "
                                "store; weir mount --recover brings there what is not",
                                folder));
    if (*unsaved == 0) return {};
    return fail(Code::unavailable,
                fmt::format("{} is unmounted, but {} files are not in the store: they are kept in "
                            "the cache, and weir mount --recover brings them there",
                            folder, *unsaved));
}

Result<void> umount(const std::string& given, bool lazy) {
    TRY(const std::string name, mount_name(given));
    give_up_dead(name);
    TRY(const std::string folder, real_folder(given));
    TRY(const std::optional<Mounted> there, mounted_at(folder));
    if (!there)
        return fail(Code::not_found, fmt::format("nothing of Weir's is mounted at {}", folder));
    if (is_dead(folder)) return unmount(folder, true);
    if (lazy) return unmount(folder, true);
    const Descriptor socket(connect_to_daemon(folder));
    const bool asked = socket.get() >= 0 && await_end(socket.get());
    const Descriptor process(asked ? open_process(socket.get()) : -1);
    TRY_VOID(unmount(folder, false));
    if (asked) return await_daemon(folder, socket.get(), process.get());
    fmt::print(
        stderr,
        "{} is unmounted; its daemon, another user's perhaps, could not be asked whether all "
        "that was closed is in the store by now\n",
        folder);
    return {};
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
