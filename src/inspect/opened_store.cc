#include "inspect/opened_store.h"

#include "meta/keys.h"

namespace weir::inspect {

Result<std::unique_ptr<OpenedStore>> open_store(const std::string& meta_path,
                                                const std::string& blobs_path, io::Disk& disk,
                                                Log& log, bool drop_damaged_log) {
    auto opened = std::unique_ptr<OpenedStore>(new OpenedStore());
    TRY(opened->kv_,
        kv::rocksdb::Engine::open({.path = meta_path, .drop_damaged_log = drop_damaged_log},
                                  opened->limits_, log));
    TRY_VOID(opened->kv_->create_partition(meta::system_partition));
    // Writer 0 is nobody's: no tool creates a blob.
    TRY(opened->blobs_, blob::local::Store::open({.root = blobs_path, .writer = 0}, disk, log));
    opened->store_ = std::make_unique<store::ObjectStore>(store::Context{.kv = *opened->kv_,
                                                                         .blobs = *opened->blobs_,
                                                                         .clock = opened->clock_,
                                                                         .log = log,
                                                                         .limits = opened->limits_,
                                                                         .settings = {},
                                                                         .source = {}});
    TRY_VOID(opened->store_->damage().load());
    return opened;
}

}  // namespace weir::inspect
