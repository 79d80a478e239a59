#include "kv/rocksdb/cached_reads.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"

namespace weir::kv::rocksdb {
namespace {

using ::rocksdb::IOStatus;

// RocksDB hands nothing through from a call to the reads that it makes.
thread_local bool from_memory = false;

int open_to_read(const std::string& path) {
    int descriptor = -1;
    do descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

class CachedReadsFile final : public ::rocksdb::FSRandomAccessFile {
  public:
    // Closes the descriptor in the end.
    CachedReadsFile(std::string path, int descriptor)
        : path_(std::move(path)), descriptor_(descriptor) {}
    ~CachedReadsFile() override { ::close(descriptor_); }
    CachedReadsFile(const CachedReadsFile&) = delete;
    CachedReadsFile& operator=(const CachedReadsFile&) = delete;

    IOStatus Read(std::uint64_t offset, std::size_t bytes, const ::rocksdb::IOOptions&,
                  ::rocksdb::Slice* result, char* scratch,
                  ::rocksdb::IODebugContext*) const override {
        return from_memory ? read_cached(offset, bytes, result, scratch)
                           : read_all(offset, bytes, result, scratch);
    }
    IOStatus Prefetch(std::uint64_t offset, std::size_t bytes, const ::rocksdb::IOOptions&,
                      ::rocksdb::IODebugContext*) override {
        if (::readahead(descriptor_, static_cast<off64_t>(offset), bytes) != 0) return error();
        return IOStatus::OK();
    }
    void Hint(AccessPattern pattern) override {
        if (pattern == kNormal) advise(POSIX_FADV_NORMAL);
        if (pattern == kRandom) advise(POSIX_FADV_RANDOM);
        if (pattern == kSequential) advise(POSIX_FADV_SEQUENTIAL);
        if (pattern == kWillNeed) advise(POSIX_FADV_WILLNEED);
        if (pattern == kWontNeed) advise(POSIX_FADV_DONTNEED);
    }
    IOStatus InvalidateCache(std::size_t offset, std::size_t bytes) override {
        static_cast<void>(::posix_fadvise(descriptor_, static_cast<off_t>(offset),
                                          static_cast<off_t>(bytes), POSIX_FADV_DONTNEED));
        return IOStatus::OK();
    }

  private:
    IOStatus error() const { return IOStatus::IOError(path_, std::strerror(errno)); }
    void advise(int advice) { static_cast<void>(::posix_fadvise(descriptor_, 0, 0, advice)); }

    // What fails is found again by whoever waits, and told then.
    IOStatus read_cached(std::uint64_t offset, std::size_t bytes, ::rocksdb::Slice* result,
                         char* scratch) const {
        const ::iovec into{.iov_base = scratch, .iov_len = bytes};
        const ssize_t count =
            ::preadv2(descriptor_, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT);
        if (count != static_cast<ssize_t>(bytes)) return IOStatus::TimedOut();
        *result = ::rocksdb::Slice(scratch, bytes);
        return IOStatus::OK();
    }
    // Less than was asked for only at the file's end.
    IOStatus read_all(std::uint64_t offset, std::size_t bytes, ::rocksdb::Slice* result,
                      char* scratch) const {
        std::size_t done = 0;
        while (done < bytes) {
            const ssize_t count = ::pread(descriptor_, scratch + done, bytes - done,
                                          static_cast<off_t>(offset + done));
            if (count == 0) break;
            if (count > 0)
                done += static_cast<std::size_t>(count);
            else if (errno != EINTR)
                return error();
        }
        *result = ::rocksdb::Slice(scratch, done);
        return IOStatus::OK();
    }

    const std::string path_;
    const int descriptor_;
};

class CachedReads final : public ::rocksdb::FileSystemWrapper {
  public:
    using FileSystemWrapper::FileSystemWrapper;

    const char* Name() const override { return "WeirCachedReads"; }

    IOStatus NewRandomAccessFile(const std::string& path, const ::rocksdb::FileOptions& options,
                                 std::unique_ptr<::rocksdb::FSRandomAccessFile>* file,
                                 ::rocksdb::IODebugContext* debug) override {
        // A table that is opened half would stay without its filter.
        if (from_memory) return IOStatus::TimedOut();
        int descriptor = open_to_read(path);
        if (descriptor < 0) {
            // The base says why, in RocksDB's words. Its own file would be read as any other.
            const IOStatus opened =
                FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
            if (!opened.ok()) return opened;
            file->reset();
            descriptor = open_to_read(path);
            if (descriptor < 0) return IOStatus::IOError(path, std::strerror(errno));
        }
        *file = std::make_unique<CachedReadsFile>(path, descriptor);
        return IOStatus::OK();
    }
};

}  // namespace

FromMemory::FromMemory() {
    CHECK(!from_memory);
    from_memory = true;
}

FromMemory::~FromMemory() { from_memory = false; }

std::shared_ptr<::rocksdb::FileSystem> with_cached_reads(
    std::shared_ptr<::rocksdb::FileSystem> base) {
    return std::make_shared<CachedReads>(std::move(base));
}

}  // namespace weir::kv::rocksdb
