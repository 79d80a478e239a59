#pragma once
// Reports as JSON, for the admin socket and the command line.

#include <nlohmann/json_fwd.hpp>

#include "backup/backup.h"

namespace weir::backup {

nlohmann::json to_json(const BackupReport& report);

}  // namespace weir::backup
