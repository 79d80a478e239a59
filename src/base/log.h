#pragma once
// Logging: spdlog, passed by reference like any other dependency. Whoever logs includes base/log.h
// and calls log.info("...", ...). Never log a secret, a signature or an Authorization header.

#include <spdlog/logger.h>

#include <memory>

namespace weir {

using Log = spdlog::logger;

// A logger that drops everything, for tests and tools.
std::shared_ptr<Log> null_log();
// One for whoever sits before the terminal.
std::shared_ptr<Log> stderr_log();

}  // namespace weir
