#pragma once
// A store opened for a tool on the two folders that it lies in. Whoever opens it sees to it that
// nobody else uses them. Blocking.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "blob/local/store.h"
#include "io/disk.h"
#include "kv/rocksdb/engine.h"
#include "store/object_store.h"

namespace weir::inspect {

class OpenedStore {
  public:
    store::ObjectStore& store() { return *store_; }
    kv::rocksdb::Engine& kv() { return *kv_; }

  private:
    friend Result<std::unique_ptr<OpenedStore>> open_store(const std::string& meta_path,
                                                           const std::string& blobs_path,
                                                           io::Disk& disk, Log& log,
                                                           bool drop_damaged_log);
    OpenedStore() = default;

    SystemClock clock_;
    Limits limits_;
    std::unique_ptr<kv::rocksdb::Engine> kv_;
    std::unique_ptr<blob::local::Store> blobs_;
    std::unique_ptr<store::ObjectStore> store_;
};

Result<std::unique_ptr<OpenedStore>> open_store(const std::string& meta_path,
                                                const std::string& blobs_path, io::Disk& disk,
                                                Log& log, bool drop_damaged_log = false);

}  // namespace weir::inspect
