#include "kv/rocksdb/cached_reads.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace weir::kv::rocksdb {
namespace {

using ::rocksdb::IOStatus;

// All else is the base's. It has a descriptor of its own, which this class cannot ask for.
class CachedReadsFile final : public ::rocksdb::FSRandomAccessFileOwnerWrapper {
  public:
    // `descriptor`: of the same file; -1: there is none to be had, and nothing is in memory.
    CachedReadsFile(std::unique_ptr<::rocksdb::FSRandomAccessFile> base, int descriptor)
        : FSRandomAccessFileOwnerWrapper(std::move(base)), descriptor_(descriptor) {}
    ~CachedReadsFile() override {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    CachedReadsFile(const CachedReadsFile&) = delete;
    CachedReadsFile& operator=(const CachedReadsFile&) = delete;

    IOStatus Read(std::uint64_t offset, std::size_t bytes, const ::rocksdb::IOOptions& options,
                  ::rocksdb::Slice* result, char* scratch,
                  ::rocksdb::IODebugContext* debug) const override {
        if (options.timeout.count() == 0)
            return FSRandomAccessFileOwnerWrapper::Read(offset, bytes, options, result, scratch,
                                                        debug);
        const ::iovec into{.iov_base = scratch, .iov_len = bytes};
        const ssize_t count =
            ::preadv2(descriptor_, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT);
        // An error is found again by whoever waits, and told then.
        if (count != static_cast<ssize_t>(bytes)) return IOStatus::TimedOut();
        *result = ::rocksdb::Slice(scratch, bytes);
        return IOStatus::OK();
    }

  private:
    const int descriptor_;
};

class CachedReads final : public ::rocksdb::FileSystemWrapper {
  public:
    using FileSystemWrapper::FileSystemWrapper;

    const char* Name() const override { return "WeirCachedReads"; }

    IOStatus NewRandomAccessFile(const std::string& path, const ::rocksdb::FileOptions& options,
                                 std::unique_ptr<::rocksdb::FSRandomAccessFile>* file,
                                 ::rocksdb::IODebugContext* debug) override {
        std::unique_ptr<::rocksdb::FSRandomAccessFile> base;
        const IOStatus opened = FileSystemWrapper::NewRandomAccessFile(path, options, &base, debug);
        if (!opened.ok()) return opened;
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        *file = std::make_unique<CachedReadsFile>(std::move(base), descriptor);
        return opened;
    }
};

}  // namespace

std::shared_ptr<::rocksdb::FileSystem> with_cached_reads(
    std::shared_ptr<::rocksdb::FileSystem> base) {
    return std::make_shared<CachedReads>(std::move(base));
}

}  // namespace weir::kv::rocksdb
