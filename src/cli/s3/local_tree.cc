#include "cli/s3/local_tree.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace weir::cli {
namespace {

struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

UnixNanos nanos_of(const timespec& time) {
    if (time.tv_sec < 0) return 0;
    return static_cast<UnixNanos>(time.tv_sec) * nanos_per_second +
           static_cast<UnixNanos>(time.tv_nsec);
}

}  // namespace

LocalTree::LocalTree(std::string root, OnProblem on_problem)
    : root_(std::move(root)), on_problem_(std::move(on_problem)) {}

void LocalTree::add(Level& level, const std::string& name) {
    const std::string path = root_ + "/" + level.prefix + name;
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) {
        on_problem_(fmt::format("{}: {}", path, std::strerror(errno)));
        return;
    }
    if (S_ISDIR(found.st_mode)) {
        level.children.push_back(
            {.name = name + "/", .device = found.st_dev, .inode = found.st_ino});
        return;
    }
    if (!S_ISREG(found.st_mode)) {
        on_problem_(fmt::format("{}: no file and no folder, so it is left out", path));
        return;
    }
    level.children.push_back({.name = name,
                              .entry = {.name = level.prefix + name,
                                        .bytes = static_cast<std::uint64_t>(found.st_size),
                                        .modified = nanos_of(found.st_mtim)}});
}

void LocalTree::enter(std::string prefix, dev_t device, ino_t inode) {
    const std::string path = root_ + "/" + prefix;
    Level level{.prefix = std::move(prefix), .device = device, .inode = inode};
    const std::unique_ptr<DIR, Close> folder(::opendir(path.c_str()));
    if (!folder) {
        on_problem_(fmt::format("{}: {}", path, std::strerror(errno)));
        return;
    }
    for (;;) {
        errno = 0;
        const dirent* found = ::readdir(folder.get());
        if (found == nullptr) break;
        const std::string_view name = found->d_name;
        if (name != "." && name != "..") add(level, std::string(name));
    }
    if (errno != 0) on_problem_(fmt::format("{}: {}", path, std::strerror(errno)));
    std::ranges::sort(level.children, std::ranges::greater(), &Child::name);
    levels_.push_back(std::move(level));
}

// A link that leads back to where the walk is.
bool LocalTree::is_inside(const Child& child) const {
    return std::ranges::any_of(levels_, [&](const Level& level) {
        return level.device == child.device && level.inode == child.inode;
    });
}

Result<std::optional<Entry>> LocalTree::next() {
    if (!std::exchange(begun_, true)) {
        struct stat found{};
        if (::stat(root_.c_str(), &found) != 0) {
            if (errno == ENOENT) return std::nullopt;
            return fail(errno_error(root_, errno));
        }
        if (!S_ISDIR(found.st_mode))
            return fail(Code::invalid_argument, fmt::format("{} is no folder", root_));
        enter("", found.st_dev, found.st_ino);
    }
    while (!levels_.empty()) {
        Level& level = levels_.back();
        if (level.children.empty()) {
            levels_.pop_back();
            continue;
        }
        Child child = std::move(level.children.back());
        level.children.pop_back();
        if (!child.name.ends_with('/')) return std::move(child.entry);
        if (is_inside(child)) {
            on_problem_(fmt::format("{}/{}{}: a link to a folder around it, so it is left out",
                                    root_, level.prefix, child.name));
            continue;
        }
        enter(level.prefix + child.name, child.device, child.inode);
    }
    return std::nullopt;
}

}  // namespace weir::cli
