#include "base/log.h"

#include <spdlog/sinks/null_sink.h>

namespace weir {

std::shared_ptr<Log> null_log() {
    return std::make_shared<Log>("null", std::make_shared<spdlog::sinks::null_sink_mt>());
}

}  // namespace weir
