#include "backup/report_json.h"

#include <nlohmann/json.hpp>

namespace weir::backup {

nlohmann::json to_json(const BackupReport& report) {
    return {{"name", report.name},
            {"blobs", report.blobs},
            {"blob_bytes", report.blob_bytes},
            {"copied", report.copied},
            {"copied_bytes", report.copied_bytes},
            {"sets_removed", report.sets_removed},
            {"blobs_removed", report.blobs_removed},
            {"damage", report.damage}};
}

}  // namespace weir::backup
