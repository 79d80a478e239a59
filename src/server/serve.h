#pragma once
// `weir serve`: everything is built here, by hand, in the order in which it depends on each other,
// and taken down the other way round. Read it as the architecture.

#include <string>
#include <vector>

namespace weir::server {

// Serves until SIGTERM or SIGINT, then drains. The exit code: 0, 1 for what failed, 2 for wrong
// usage.
int serve(const std::vector<std::string>& arguments);

}  // namespace weir::server
