#include "inspect/offline.h"

#include <nlohmann/json.hpp>

#include "inspect/data_directory.h"
#include "inspect/describe.h"
#include "inspect/opened_store.h"
#include "io/posix_disk.h"

namespace weir::inspect {
namespace {

// A data directory that is ours while a tool works.
struct Opened {
    io::PosixDisk disk;
    std::unique_ptr<DataDirectory> directory;
    std::unique_ptr<OpenedStore> opened;
    store::ObjectStore& store() { return opened->store(); }
};

Result<std::unique_ptr<Opened>> open(const std::string& path, Log& log,
                                     bool drop_damaged_log = false) {
    auto tool = std::make_unique<Opened>();
    TRY(tool->directory, DataDirectory::open(tool->disk, path, false));
    TRY(tool->opened, open_store(tool->directory->meta_path(), tool->directory->blobs_path(),
                                 tool->disk, log, drop_damaged_log));
    return tool;
}

}  // namespace

Result<CheckReport> check_offline(const std::string& path, CheckOptions options, Log& log) {
    TRY(const std::unique_ptr<Opened> tool, open(path, log, options.drop_damaged_log));
    options.offline = true;
    return check(tool->store(), options);
}

Result<ScrubReport> scrub_offline(const std::string& path, const ScrubOptions& options, Log& log) {
    TRY(const std::unique_ptr<Opened> tool, open(path, log));
    return scrub(tool->store(), options);
}

Result<nlohmann::json> describe_offline(const std::string& path, const nlohmann::json& question,
                                        Log& log) {
    TRY(const std::unique_ptr<Opened> tool, open(path, log));
    return describe(tool->store(), question);
}

}  // namespace weir::inspect
