#include "io/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace weir::io {
namespace {

constexpr mode_t file_mode = 0600, directory_mode = 0700;

std::unexpected<Error> failed(std::string_view call, const std::string& path) {
    return fail(errno_error(fmt::format("{} {}", call, path), errno));
}

template <typename Call>
auto uninterrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

// A descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

class PosixFile final : public File {
  public:
    PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

    Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        while (!out.empty()) {
            const ssize_t n = uninterrupted([&] {
                return ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
            });
            if (n < 0) return failed("reading", path_);
            if (n == 0)
                return fail(Code::corrupt, fmt::format("{} ends at byte {}", path_, offset));
            out = out.subspan(static_cast<std::size_t>(n));
            offset += static_cast<std::uint64_t>(n);
        }
        return {};
    }

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        while (!bytes.empty()) {
            const ssize_t n = uninterrupted([&] {
                return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            });
            if (n < 0) return failed("writing", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            offset += static_cast<std::uint64_t>(n);
        }
        return {};
    }

    Result<void> sync() override {
        if (uninterrupted([&] { return ::fdatasync(fd_.get()); }) != 0)
            return failed("syncing", path_);
        return {};
    }

    Result<void> write_direct_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        constexpr std::size_t alignment = direct_alignment_bytes;
        if (bytes.size() < direct_bytes_min) return write_at(offset, bytes);
        const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
        if ((address - offset) % alignment != 0) return write_and_start_write_out(offset, bytes);
        const std::size_t head = (alignment - offset % alignment) % alignment;
        const std::size_t blocks = (bytes.size() - head) / alignment * alignment;
        TRY_VOID(write_at(offset, bytes.first(head)));
        TRY_VOID(write_blocks(offset + head, bytes.subspan(head, blocks)));
        return write_at(offset + head + blocks, bytes.subspan(head + blocks));
    }

    Result<void> truncate(std::uint64_t size_bytes) override {
        if (uninterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)); }) !=
            0)
            return failed("truncating", path_);
        return {};
    }

    Result<void> reserve(std::uint64_t size_bytes) override {
        return allocate(FALLOC_FL_KEEP_SIZE, 0, size_bytes, "reserving space for");
    }

    Result<void> punch(std::uint64_t offset, std::uint64_t length) override {
        return allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length,
                        "punching a hole in");
    }

    Result<std::uint64_t> size_bytes() const override {
        struct stat status{};
        if (::fstat(fd_.get(), &status) != 0) return failed("fstat of", path_);
        return static_cast<std::uint64_t>(status.st_size);
    }

    int descriptor() const override { return fd_.get(); }

  private:
    // Aligned in memory, in the file and in length. Opened again for each call: a descriptor that
    // is kept would be one more for every body under way.
    Result<void> write_blocks(std::uint64_t offset, std::span<const std::byte> bytes) {
        const std::string again = fmt::format("/proc/self/fd/{}", fd_.get());
        const Descriptor direct(
            uninterrupted([&] { return ::open(again.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC); }));
        while (direct.get() >= 0 && !bytes.empty()) {
            const ssize_t n = uninterrupted([&] {
                return ::pwrite(direct.get(), bytes.data(), bytes.size(),
                                static_cast<off_t>(offset));
            });
            // A device of larger blocks, or the rest of a short write.
            if (n < 0 && errno == EINVAL) break;
            if (n < 0) return failed("writing", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            offset += static_cast<std::uint64_t>(n);
        }
        return write_and_start_write_out(offset, bytes);
    }

    Result<void> write_and_start_write_out(std::uint64_t offset, std::span<const std::byte> bytes) {
        if (bytes.empty()) return {};
        TRY_VOID(write_at(offset, bytes));
        // A hint: what fails is found by the sync.
        ::sync_file_range(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes.size()),
                          SYNC_FILE_RANGE_WRITE);
        return {};
    }

    Result<void> allocate(int mode, std::uint64_t offset, std::uint64_t length,
                          std::string_view call) {
        if (length == 0) return {};
        const int done = uninterrupted([&] {
            return ::fallocate(fd_.get(), mode, static_cast<off_t>(offset),
                               static_cast<off_t>(length));
        });
        if (done != 0 && errno != EOPNOTSUPP && errno != ENOSYS) return failed(call, path_);
        return {};
    }

    Descriptor fd_;
    std::string path_;
};

Result<std::unique_ptr<File>> open_file(const std::string& path, int flags, std::string_view call) {
    const int fd =
        uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, file_mode); });
    if (fd < 0) return failed(call, path);
    return std::make_unique<PosixFile>(fd, path);
}

class PosixDirectory final : public Directory {
  public:
    PosixDirectory(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

    Result<void> sync() override {
        if (uninterrupted([&] { return ::fsync(fd_.get()); }) != 0)
            return failed("syncing directory", path_);
        return {};
    }

  private:
    Descriptor fd_;
    std::string path_;
};

class PosixLock final : public Lock {
  public:
    explicit PosixLock(int fd) : fd_(fd) {}

  private:
    Descriptor fd_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::create(const std::string& path) {
    return open_file(path, O_RDWR | O_CREAT | O_EXCL, "creating");
}
Result<std::unique_ptr<File>> PosixDisk::open_to_read(const std::string& path) {
    return open_file(path, O_RDONLY, "opening");
}
Result<std::unique_ptr<File>> PosixDisk::open_to_write(const std::string& path) {
    return open_file(path, O_RDWR, "opening");
}

Result<void> PosixDisk::make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), directory_mode) != 0 && errno != EEXIST)
        return failed("making directory", path);
    return {};
}

Result<std::unique_ptr<Directory>> PosixDisk::open_directory(const std::string& path) {
    const int fd =
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return failed("opening directory", path);
    return std::make_unique<PosixDirectory>(fd, path);
}

Result<void> PosixDisk::remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0) return failed("removing", path);
    return {};
}

Result<bool> PosixDisk::remove_directory(const std::string& path) {
    if (::rmdir(path.c_str()) == 0) return true;
    if (errno == ENOTEMPTY || errno == EEXIST) return false;
    return failed("removing", path);
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("renaming to", to);
    return {};
}

Result<Stat> PosixDisk::stat(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return failed("stat of", path);
    constexpr std::uint64_t st_blocks_bytes = 512;
    return Stat{.size_bytes = static_cast<std::uint64_t>(status.st_size),
                .allocated_bytes = static_cast<std::uint64_t>(status.st_blocks) * st_blocks_bytes};
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& path) {
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return failed("listing", path);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    ::closedir(directory);
    if (error != 0) return fail(errno_error(fmt::format("listing {}", path), error));
    std::ranges::sort(names);
    return names;
}

Result<Space> PosixDisk::space(const std::string& path) {
    struct statvfs status{};
    if (::statvfs(path.c_str(), &status) != 0) return failed("statvfs of", path);
    return Space{.total_bytes = status.f_blocks * status.f_frsize,
                 .free_bytes = status.f_bavail * status.f_frsize};
}

Result<std::unique_ptr<Lock>> PosixDisk::lock(const std::string& path) {
    Descriptor fd(uninterrupted(
        [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode); }));
    if (fd.get() < 0) return failed("opening", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return failed("locking", path);
        char holder[32] = {};
        const ssize_t n = ::pread(fd.get(), holder, sizeof holder - 1, 0);
        std::string_view pid(holder, n > 0 ? static_cast<std::size_t>(n) : 0);
        while (!pid.empty() && pid.back() == '\n') pid.remove_suffix(1);
        return fail(Code::unavailable,
                    fmt::format("{} is locked by process {}", path, pid.empty() ? "unknown" : pid));
    }
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0)
        return failed("writing", path);
    return std::make_unique<PosixLock>(fd.release());
}

}  // namespace weir::io
