#pragma once
// Files and folders of a cache, by descriptor: every name is looked up in a folder that is open
// already and never through a symbolic link, so that nobody can lead a cache elsewhere.
//
// Not io::Disk: processes share these files through mappings and the kernel's locks, which that
// seam does not have, and its fake could not. What fails names the file. A File is safe from any
// thread; it belongs to whoever opened it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::cache {

// A descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }

    int get() const { return fd_; }

  private:
    void reset();

    int fd_;
};

// Which file it is, however it is called: a number is used again, the moment of birth is not (0
// where the file system keeps none).
struct FileNumber {
    std::uint64_t inode = 0;
    std::uint64_t born_nanos = 0;
    bool operator==(const FileNumber&) const = default;
};

struct FileFacts {
    std::uint64_t size_bytes = 0;
    std::uint64_t allocated_bytes = 0;
    FileNumber number;
};

class File {
  public:
    File() = default;
    File(Descriptor fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

    // All of `out`; corrupt if the file ends before.
    Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const;
    // All of `bytes`; after a failure any part of them may be there. no_space.
    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes);
    Result<void> resize(std::uint64_t size_bytes);
    // Has the disk's room for the range, whatever its size, as far as the file system can promise.
    Result<void> allocate(std::uint64_t offset, std::uint64_t length);
    // The range reads as zeros and takes no space. A file system that cannot is an error: what
    // would not go away must stay counted.
    Result<void> punch(std::uint64_t offset, std::uint64_t length);
    // The bytes are durable, those written through a mapping too (fdatasync).
    Result<void> sync();
    Result<FileFacts> facts() const;
    // The same file, to read only.
    Result<Descriptor> reopen_to_read() const;
    int descriptor() const { return fd_.get(); }
    Descriptor take() && { return std::move(fd_); }
    const std::string& name() const { return name_; }

  private:
    Descriptor fd_;
    std::string name_;
};

class Folder {
  public:
    // Made, with its parents, if it is missing: mode 0700, which an empty one is given, too.
    // access_denied if it is another user's, or others may look into what it holds.
    static Result<Folder> open_root(const std::string& path);

    // not_found; made if that is asked for.
    Result<Folder> open_folder(const std::string& name, bool make) const;
    // A regular file of ours, to read and write, mode 0600. not_found; corrupt if it is anything
    // else.
    Result<File> open(const std::string& name) const;
    Result<File> open_or_create(const std::string& name) const;
    // Whatever was called so before is gone.
    Result<File> create(const std::string& name) const;
    // False where that cannot be told, too.
    bool has(const std::string& path) const;
    // False if there was none.
    Result<bool> remove(const std::string& name) const;
    // Replaces what is there.
    Result<void> rename(const std::string& from, const Folder& to_folder,
                        const std::string& to) const;
    // Without . and ..; in no order.
    Result<std::vector<std::string>> names() const;
    Result<void> sync() const;
    const std::string& path() const { return path_; }

  private:
    Folder(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
    Result<File> open_with(const std::string& name, int flags) const;
    Result<void> close_to_others() const;
    std::string path_of(const std::string& name) const { return path_ + "/" + name; }

    Descriptor fd_;
    std::string path_;
};

}  // namespace weir::cache
