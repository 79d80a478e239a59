#include "kv/rocksdb/durable_names.h"

#include <utility>

namespace weir::kv::rocksdb {
namespace {

class DurableNames final : public ::rocksdb::FileSystemWrapper {
  public:
    using FileSystemWrapper::FileSystemWrapper;

    const char* Name() const override { return "WeirDurableNames"; }

    ::rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                                   const ::rocksdb::IOOptions& options,
                                   ::rocksdb::IODebugContext* debug) override {
        if (to.ends_with("/CURRENT")) {
            const ::rocksdb::IOStatus synced =
                sync_directory(to.substr(0, to.rfind('/')), options, debug);
            if (!synced.ok()) return synced;
        }
        return FileSystemWrapper::RenameFile(from, to, options, debug);
    }

  private:
    ::rocksdb::IOStatus sync_directory(const std::string& path, const ::rocksdb::IOOptions& options,
                                       ::rocksdb::IODebugContext* debug) {
        std::unique_ptr<::rocksdb::FSDirectory> directory;
        const ::rocksdb::IOStatus opened = NewDirectory(path, options, &directory, debug);
        if (!opened.ok()) return opened;
        return directory->Fsync(options, debug);
    }
};

}  // namespace

std::shared_ptr<::rocksdb::FileSystem> with_durable_names(
    std::shared_ptr<::rocksdb::FileSystem> base) {
    return std::make_shared<DurableNames>(std::move(base));
}

}  // namespace weir::kv::rocksdb
