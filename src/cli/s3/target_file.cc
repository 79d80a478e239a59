#include "cli/s3/target_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/random.h"

namespace weir::cli {
namespace {

constexpr mode_t file_mode = 0666;  // less the umask

timespec timespec_of(UnixNanos time) {
    return {.tv_sec = static_cast<time_t>(time / nanos_per_second),
            .tv_nsec = static_cast<long>(time % nanos_per_second)};
}

std::string path_of_descriptor(int descriptor) {
    return fmt::format("/proc/self/fd/{}", descriptor);
}

}  // namespace

TargetFile::TargetFile(std::string path, std::string folder)
    : path_(std::move(path)), folder_(std::move(folder)) {}

TargetFile::~TargetFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (temporary_) ::unlink(temporary_->c_str());
}

Result<std::unique_ptr<TargetFile>> TargetFile::create(std::string path) {
    std::string folder = std::filesystem::path(path).parent_path();
    if (folder.empty()) folder = ".";
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error)
        return fail(Code::io_error,
                    fmt::format("the folder {} cannot be made: {}", folder, error.message()));
    std::unique_ptr<TargetFile> file(new TargetFile(std::move(path), std::move(folder)));
    TRY_VOID(file->open());
    return file;
}

std::string TargetFile::spare_name() const {
    constexpr std::size_t characters = 16;
    return folder_ + "/.weir-" + random_token(characters);
}

Result<void> TargetFile::open() {
    descriptor_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, file_mode);
    // It gets its name through /proc.
    if (descriptor_ >= 0 && ::access(path_of_descriptor(descriptor_).c_str(), F_OK) == 0) return {};
    if (descriptor_ >= 0) ::close(descriptor_);
    const std::string name = spare_name();
    descriptor_ = ::open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, file_mode);
    if (descriptor_ < 0)
        return fail(errno_error(fmt::format("making a file in {}", folder_), errno));
    temporary_ = name;
    return {};
}

Result<void> TargetFile::link_to(const std::string& path) {
    const std::string from = temporary_.value_or(path_of_descriptor(descriptor_));
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
    if (errno == EEXIST)
        return fail(Code::precondition_failed, fmt::format("{} exists already", path));
    return fail(errno_error(fmt::format("naming {}", path), errno));
}

Result<void> TargetFile::rename_over() {
    if (!temporary_) {
        const std::string name = spare_name();
        TRY_VOID(link_to(name));
        temporary_ = name;
    }
    if (::rename(temporary_->c_str(), path_.c_str()) != 0)
        return fail(errno_error(fmt::format("replacing {}", path_), errno));
    temporary_.reset();
    return {};
}

Result<void> TargetFile::finish(UnixNanos modified, bool may_replace) {
    const timespec times[] = {timespec_of(modified), timespec_of(modified)};
    if (::futimens(descriptor_, times) != 0)
        return fail(errno_error(fmt::format("setting the time of {}", path_), errno));
    if (may_replace && temporary_) return rename_over();
    const Result<void> linked = link_to(path_);
    if (linked || !may_replace || linked.error().code() != Code::precondition_failed) return linked;
    return rename_over();
}

}  // namespace weir::cli
