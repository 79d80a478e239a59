#pragma once
// The tools on a data directory that no server serves: they hold its lock while they work.
// Blocking.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "inspect/check.h"
#include "inspect/scrub.h"

namespace weir::inspect {

// unavailable, naming the process, if a server has the directory.
Result<CheckReport> check_offline(const std::string& path, CheckOptions options, Log& log);
Result<ScrubReport> scrub_offline(const std::string& path, const ScrubOptions& options, Log& log);
// describe.h
Result<nlohmann::json> describe_offline(const std::string& path, const nlohmann::json& question,
                                        Log& log);

}  // namespace weir::inspect
