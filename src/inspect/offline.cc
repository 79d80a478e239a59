#include "inspect/offline.h"

#include <nlohmann/json.hpp>

#include "blob/local/store.h"
#include "inspect/data_directory.h"
#include "inspect/describe.h"
#include "io/posix_disk.h"
#include "kv/rocksdb/engine.h"
#include "meta/keys.h"

namespace weir::inspect {
namespace {

// Everything that an ObjectStore stands on, opened for one tool.
struct Opened {
    io::PosixDisk disk;
    SystemClock clock;
    Limits limits;
    std::unique_ptr<DataDirectory> directory;
    std::unique_ptr<kv::rocksdb::Engine> kv;
    std::unique_ptr<blob::local::Store> blobs;
    std::unique_ptr<store::ObjectStore> store;
};

Result<std::unique_ptr<Opened>> open(const std::string& path, Log& log) {
    auto opened = std::make_unique<Opened>();
    TRY(opened->directory, DataDirectory::open(opened->disk, path, false));
    TRY(opened->kv,
        kv::rocksdb::Engine::open({.path = opened->directory->meta_path()}, opened->limits, log));
    TRY_VOID(opened->kv->create_partition(meta::system_partition));
    // Writer 0 is nobody's: no tool creates a blob.
    TRY(opened->blobs,
        blob::local::Store::open({.root = opened->directory->blobs_path(), .writer = 0},
                                 opened->disk, log));
    opened->store = std::make_unique<store::ObjectStore>(store::Context{.kv = *opened->kv,
                                                                        .blobs = *opened->blobs,
                                                                        .clock = opened->clock,
                                                                        .log = log,
                                                                        .limits = opened->limits,
                                                                        .settings = {},
                                                                        .source = {}});
    return opened;
}

}  // namespace

Result<CheckReport> check_offline(const std::string& path, CheckOptions options, Log& log) {
    TRY(const std::unique_ptr<Opened> opened, open(path, log));
    options.offline = true;
    return check(*opened->store, options);
}

Result<ScrubReport> scrub_offline(const std::string& path, const ScrubOptions& options, Log& log) {
    TRY(const std::unique_ptr<Opened> opened, open(path, log));
    return scrub(*opened->store, options);
}

Result<nlohmann::json> describe_offline(const std::string& path, const nlohmann::json& question,
                                        Log& log) {
    TRY(const std::unique_ptr<Opened> opened, open(path, log));
    return describe(*opened->store, question);
}

}  // namespace weir::inspect
