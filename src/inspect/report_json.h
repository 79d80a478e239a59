#pragma once
// Reports as JSON, for the admin socket and the command line.

#include <nlohmann/json_fwd.hpp>

#include "inspect/check.h"
#include "inspect/scrub.h"

namespace weir::inspect {

nlohmann::json to_json(const CheckReport& report);
nlohmann::json to_json(const ScrubReport& report);

}  // namespace weir::inspect
