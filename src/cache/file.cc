#include "cache/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

namespace weir::cache {
namespace {

constexpr mode_t file_mode = 0600, folder_mode = 0700;

std::unexpected<Error> failed(std::string_view call, const std::string& name) {
    return fail(errno_error(fmt::format("{} {}", call, name), errno));
}

template <typename Call>
auto uninterrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

// Parents of a cache are nobody's secret; only what is missing is made.
Result<void> make_folders(const std::string& path) {
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    std::filesystem::create_directories(parent, error);
    if (error) return fail(errno_error("making folder " + parent.string(), error.value()));
    if (::mkdir(path.c_str(), folder_mode) != 0 && errno != EEXIST)
        return failed("making folder", path);
    return {};
}

}  // namespace

void Descriptor::reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

Result<void> File::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    while (!out.empty()) {
        const ssize_t n = uninterrupted(
            [&] { return ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset)); });
        if (n < 0) return failed("reading", name_);
        if (n == 0) return fail(Code::corrupt, fmt::format("{} ends at byte {}", name_, offset));
        out = out.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<void> File::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = uninterrupted([&] {
            return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        });
        if (n < 0) return failed("writing", name_);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<void> File::resize(std::uint64_t size_bytes) {
    if (uninterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)); }) != 0)
        return failed("resizing", name_);
    return {};
}

Result<void> File::allocate(std::uint64_t offset, std::uint64_t length) {
    if (uninterrupted([&] {
            return ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                               static_cast<off_t>(length));
        }) == 0 ||
        errno == EOPNOTSUPP || errno == ENOSYS)
        return {};
    return failed("allocating", name_);
}

Result<void> File::punch(std::uint64_t offset, std::uint64_t length) {
    if (length == 0) return {};
    constexpr int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (uninterrupted([&] {
            return ::fallocate(fd_.get(), mode, static_cast<off_t>(offset),
                               static_cast<off_t>(length));
        }) != 0)
        return failed("punching a hole in", name_);
    return {};
}

Result<void> File::sync() {
    if (uninterrupted([&] { return ::fdatasync(fd_.get()); }) != 0) return failed("syncing", name_);
    return {};
}

Result<FileFacts> File::facts() const {
    struct statx status{};
    if (::statx(fd_.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0)
        return failed("statx of", name_);
    constexpr std::uint64_t block_bytes = 512, nanos = 1'000'000'000;
    FileFacts facts{.size_bytes = status.stx_size,
                    .allocated_bytes = status.stx_blocks * block_bytes,
                    .number = {.inode = status.stx_ino}};
    if ((status.stx_mask & STATX_BTIME) != 0)
        facts.number.born_nanos =
            static_cast<std::uint64_t>(status.stx_btime.tv_sec) * nanos + status.stx_btime.tv_nsec;
    return facts;
}

Result<Descriptor> File::reopen_to_read() const {
    const std::string again = fmt::format("/proc/self/fd/{}", fd_.get());
    Descriptor fd(uninterrupted([&] { return ::open(again.c_str(), O_RDONLY | O_CLOEXEC); }));
    if (fd.get() < 0) return failed("opening again", name_);
    return fd;
}

Result<Folder> Folder::open_root(const std::string& path) {
    TRY_VOID(make_folders(path));
    Descriptor fd(uninterrupted(
        [&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
    if (fd.get() < 0) return failed("opening folder", path);
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return failed("fstat of", path);
    if (status.st_uid != ::geteuid())
        return fail(Code::access_denied,
                    fmt::format("{} belongs to user {}, not to this one: name another folder", path,
                                status.st_uid));
    Folder folder(std::move(fd), path);
    if ((status.st_mode & 077) != 0) TRY_VOID(folder.close_to_others());
    return folder;
}

Result<void> Folder::close_to_others() const {
    // One that somebody made for this. What is in another is not known to be the cache's.
    TRY(std::vector<std::string> held, names());
    if (held.empty()) {
        if (::fchmod(fd_.get(), folder_mode) != 0) return failed("chmod of", path_);
        // Nobody came first.
        TRY(held, names());
    }
    if (held.empty()) return {};
    return fail(Code::access_denied, fmt::format("others may use {}: run chmod 700 on it", path_));
}

Result<Folder> Folder::open_folder(const std::string& name, bool make) const {
    if (make && ::mkdirat(fd_.get(), name.c_str(), folder_mode) != 0 && errno != EEXIST)
        return failed("making folder", path_of(name));
    Descriptor fd(uninterrupted([&] {
        return ::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }));
    if (fd.get() < 0) return failed("opening folder", path_of(name));
    return Folder(std::move(fd), path_of(name));
}

Result<File> Folder::open_with(const std::string& name, int flags) const {
    // O_NONBLOCK: a pipe in a file's place keeps nobody waiting.
    Descriptor fd(uninterrupted([&] {
        return ::openat(fd_.get(), name.c_str(),
                        O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, file_mode);
    }));
    if (fd.get() < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
        return fail(Code::corrupt, fmt::format("{} is not a file", path_of(name)));
    if (fd.get() < 0) return failed("opening", path_of(name));
    if ((flags & O_EXCL) != 0) return File(std::move(fd), path_of(name));  // made just now
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return failed("fstat of", path_of(name));
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid())
        return fail(Code::corrupt, fmt::format("{} is not a file of this user", path_of(name)));
    return File(std::move(fd), path_of(name));
}

Result<File> Folder::open(const std::string& name) const { return open_with(name, 0); }
Result<File> Folder::open_or_create(const std::string& name) const {
    return open_with(name, O_CREAT);
}
Result<File> Folder::create(const std::string& name) const {
    Result<File> made = open_with(name, O_CREAT | O_EXCL);
    if (made || !has(name)) return made;
    TRY_VOID(remove(name));
    return open_with(name, O_CREAT | O_EXCL);
}

bool Folder::has(const std::string& path) const {
    struct stat status{};
    return ::fstatat(fd_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<bool> Folder::remove(const std::string& name) const {
    if (::unlinkat(fd_.get(), name.c_str(), 0) == 0) return true;
    if (errno == ENOENT) return false;
    return failed("removing", path_of(name));
}

Result<void> Folder::rename(const std::string& from, const Folder& to_folder,
                            const std::string& to) const {
    if (::renameat(fd_.get(), from.c_str(), to_folder.fd_.get(), to.c_str()) != 0)
        return failed("renaming to", to_folder.path_of(to));
    return {};
}

Result<std::vector<std::string>> Folder::names() const {
    // A stream of its own, whose position is nobody else's.
    const int fd = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed("opening folder", path_);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), &::closedir);
    if (!stream) {
        ::close(fd);
        return failed("listing", path_);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return failed("listing", path_);
    return names;
}

Result<void> Folder::sync() const {
    if (uninterrupted([&] { return ::fsync(fd_.get()); }) != 0)
        return failed("syncing folder", path_);
    return {};
}

}  // namespace weir::cache
