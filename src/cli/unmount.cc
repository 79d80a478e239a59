#include "cli/unmount.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include "cli/mount_table.h"

namespace weir::cli {
namespace {

Error busy(const std::string& folder) {
    return Error(Code::conflict,
                 fmt::format("{} is in use (lsof +f -- {} tells by whom); weir umount --lazy takes "
                             "the name away now and the mount when nobody uses it",
                             folder, folder));
}

// What fusermount3 refuses it says on stderr only, and in words of its own.
Error refused(const std::string& folder) {
    const Result<std::optional<Mounted>> there = mounted_at(folder);
    if (!there || !*there || (*there)->owner == ::getuid()) return busy(folder);
    return Error(
        Code::not_permitted,
        fmt::format("{} was mounted by another user; sudo weir umount {}", folder, folder));
}

Result<void> by_fusermount(const std::string& folder, bool lazy) {
    std::string program = "fusermount3", flag = lazy ? "-uz" : "-u", quiet = "-q", ends = "--",
                where = folder;
    std::array<char*, 6> arguments{program.data(), flag.data(),  quiet.data(),
                                   ends.data(),    where.data(), nullptr};
    pid_t child = 0;
    if (const int error =
            ::posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ);
        error != 0)
        return fail(errno_error("running fusermount3", error));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return fail(errno_error("waiting for fusermount3", errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(refused(folder));
}

}  // namespace

Result<void> unmount(const std::string& folder, bool lazy) {
    if (::umount2(folder.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
    const int error = errno;
    if (error == EPERM) return by_fusermount(folder, lazy);
    if (error == EBUSY) return fail(busy(folder));
    return fail(errno_error("unmounting " + folder, error));
}

}  // namespace weir::cli
