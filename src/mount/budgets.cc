#include "mount/budgets.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <string_view>

#include "base/limits.h"

namespace weir::mount {
namespace {

constexpr std::uint64_t no_bound = std::numeric_limits<std::uint64_t>::max();

// The file's number; no bound where it says "max", or is not there.
std::uint64_t read_bound(const std::string& path) {
    std::ifstream file(path);
    std::uint64_t bytes = 0;
    return file >> bytes ? bytes : no_bound;
}

// Of a group and all that it lies in.
std::uint64_t bound_of_group(const std::string& hierarchy, std::string group,
                             std::string_view file) {
    std::uint64_t bound = no_bound;
    for (;;) {
        bound = std::min(bound, read_bound(fmt::format("{}{}/{}", hierarchy, group, file)));
        if (group.empty()) return bound;
        group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
    }
}

std::uint64_t bound_of_groups(const std::string& root) {
    std::uint64_t bound = no_bound;
    std::ifstream file(root + "/proc/self/cgroup");
    // "0::/user.slice" of version 2, "4:memory:/docker/1" of version 1.
    for (std::string line; std::getline(file, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string kinds = "," + line.substr(first + 1, second - first - 1) + ",";
        std::string group = line.substr(second + 1);
        if (group == "/") group.clear();
        if (kinds == ",,") {
            bound = std::min(bound, bound_of_group(root + "/sys/fs/cgroup", group, "memory.max"));
        } else if (kinds.find(",memory,") != std::string::npos) {
            bound = std::min(bound, bound_of_group(root + "/sys/fs/cgroup/memory", group,
                                                   "memory.limit_in_bytes"));
        }
    }
    return bound;
}

std::uint64_t pages_to_bytes(long pages) {
    const long page_bytes = ::sysconf(_SC_PAGESIZE);
    return pages < 0 ? no_bound
                     : static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
}

}  // namespace

std::uint64_t memory_bound_bytes(const std::string& root) {
    return std::min(pages_to_bytes(::sysconf(_SC_PHYS_PAGES)), bound_of_groups(root));
}

std::uint64_t default_memory_bytes(std::uint64_t bound_bytes) {
    // A quarter leaves room for what the buffers are not: names, threads, the page cache.
    return std::clamp(bound_bytes / 4, mount_memory_bytes_min, mount_memory_bytes);
}

MountLimits limits_within(std::uint64_t memory_bytes) {
    constexpr std::size_t threads_min = 8;
    MountLimits limits;
    const auto share = [part = std::min(memory_bytes, mount_memory_bytes)](std::uint64_t of) {
        return of * part / mount_memory_bytes;
    };
    limits.nodes_max = static_cast<std::size_t>(share(limits.nodes_max));
    limits.held_files_bytes_max = share(limits.held_files_bytes_max);
    limits.worker_threads_max =
        std::max(threads_min, static_cast<std::size_t>(share(limits.worker_threads_max)));
    limits.background_max = std::min(limits.background_max, limits.worker_threads_max / 2);
    return limits;
}

Result<std::uint64_t> default_cache_bytes(const std::string& folder, std::uint64_t memory_bound) {
    struct statvfs disk{};
    struct statfs kind{};
    if (::statvfs(folder.c_str(), &disk) != 0 || ::statfs(folder.c_str(), &kind) != 0)
        return fail(errno_error("looking at the disk of " + folder, errno));
    const std::uint64_t half = disk.f_blocks * disk.f_frsize / 2;
    const bool in_memory = kind.f_type == TMPFS_MAGIC || kind.f_type == RAMFS_MAGIC;
    return std::max(in_memory ? std::min(half, memory_bound / 4) : half, mount_cache_bytes_min);
}

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    long all = 0, resident = 0;
    return file >> all >> resident ? pages_to_bytes(resident) : 0;
}

}  // namespace weir::mount
