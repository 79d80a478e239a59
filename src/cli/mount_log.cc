#include "cli/mount_log.h"

#include <fmt/format.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/syslog_sink.h>
#include <sys/stat.h>
#include <syslog.h>

#include <filesystem>
#include <utility>

#include "base/limits.h"

namespace weir::cli {
namespace {

constexpr const char* name = "weir-mount";

bool has_syslog() {
    struct stat found{};
    return ::stat("/dev/log", &found) == 0 && S_ISSOCK(found.st_mode);
}

Result<MountLog> open_file(const std::string& path) {
    // The file and the one before it.
    constexpr std::size_t files_before = 1;
    try {
        auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
            path, mount_log_bytes_max, files_before);
        return MountLog{std::make_shared<Log>(name, std::move(sink)), path};
    } catch (const spdlog::spdlog_ex& exception) {
        return fail(Code::invalid_argument,
                    fmt::format("the log cannot go to {}: {}", path, exception.what()));
    }
}

Result<MountLog> open(const MountLine& line, const std::string& cache_folder) {
    if (line.foreground && line.log.empty()) return MountLog{stderr_log(), "standard error"};
    if (line.log == "syslog" || (line.log.empty() && has_syslog())) {
        auto sink =
            std::make_shared<spdlog::sinks::syslog_sink_mt>(name, LOG_PID, LOG_DAEMON, false);
        return MountLog{std::make_shared<Log>(name, std::move(sink)), "syslog"};
    }
    // Absolute: it is opened again when it has become long, from another folder.
    return open_file(line.log.empty() ? cache_folder + "/mount.log"
                                      : std::filesystem::absolute(line.log).string());
}

}  // namespace

Result<MountLog> open_mount_log(const MountLine& line, const std::string& cache_folder) {
    TRY(MountLog opened, open(line, cache_folder));
    opened.log->set_level(spdlog::level::from_str(line.log_level));
    if (opened.where != "syslog") opened.log->set_pattern("%Y-%m-%dT%H:%M:%S.%e [%P] %l %v");
    opened.log->flush_on(spdlog::level::info);
    return opened;
}

}  // namespace weir::cli
