#include "base/log.h"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace weir {

std::shared_ptr<Log> null_log() {
    return std::make_shared<Log>("null", std::make_shared<spdlog::sinks::null_sink_mt>());
}

std::shared_ptr<Log> stderr_log() {
    return std::make_shared<Log>("weir", std::make_shared<spdlog::sinks::stderr_sink_mt>());
}

}  // namespace weir
