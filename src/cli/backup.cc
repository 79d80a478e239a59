#include "backup/backup.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "backup/report_json.h"
#include "backup/restore.h"
#include "cli/command_line.h"
#include "inspect/data_directory.h"
#include "inspect/report_json.h"
#include "io/posix_disk.h"

namespace weir::cli {
namespace {

int print_backup(const nlohmann::json& reply) {
    fmt::print("{}: {} blobs of {} bytes, of which {} of {} bytes were new\n",
               reply.at("name").get<std::string>(), reply.at("blobs").get<std::uint64_t>(),
               reply.at("blob_bytes").get<std::uint64_t>(), reply.at("copied").get<std::uint64_t>(),
               reply.at("copied_bytes").get<std::uint64_t>());
    if (reply.at("sets_removed") != 0)
        fmt::print("{} older backups and {} blobs that only they needed are gone\n",
                   reply.at("sets_removed").get<std::uint64_t>(),
                   reply.at("blobs_removed").get<std::uint64_t>());
    for (const nlohmann::json& damage : reply.at("damage"))
        fmt::print("damage: {}\n", damage.get<std::string>());
    return reply.at("damage").empty() ? done : failed;
}

}  // namespace

int run_backup(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> path = take_word(arguments);
    const std::string keep = take_flag(arguments, "--keep").value_or("0");
    const bool without_key = take_switch(arguments, "--without-secret-key");
    if (!path || !is_count(keep))
        return complain("usage: weir backup DIR [--keep COUNT] [--without-secret-key]", misused);
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    // The server has another working directory.
    const std::string absolute = std::filesystem::absolute(*path).lexically_normal().string();
    const std::shared_ptr<Log> log = null_log();
    const Result<backup::BackupReport> report =
        backup::back_up_offline(loaded->config.data,
                                {.path = absolute,
                                 .name = backup::set_name(SystemClock().now()),
                                 .keep = std::stoull(keep),
                                 .with_secret_key = !without_key},
                                *log);
    if (report) return print_backup(backup::to_json(*report));
    if (report.error().code() != Code::unavailable)
        return complain(report.error().message(), failed);
    return ask(loaded->config, "POST", "/backup",
               {{"path", absolute}, {"keep", std::stoull(keep)}, {"with_secret_key", !without_key}},
               print_backup);
}

int run_restore(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> path = take_word(arguments);
    const std::optional<std::string> set = take_flag(arguments, "--set"),
                                     key = take_flag(arguments, "--secret-key");
    if (!path)
        return complain("usage: weir restore DIR --data NEW_DIR [--set NAME] [--secret-key FILE]",
                        misused);
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    io::PosixDisk disk;
    const std::shared_ptr<Log> log = null_log();
    const Result<backup::RestoreReport> report = backup::restore({.backup = *path,
                                                                  .set = set.value_or(""),
                                                                  .target = loaded->config.data,
                                                                  .secret_key_file = key},
                                                                 disk, *log);
    if (!report) return complain(report.error().message(), failed);
    fmt::print("{} restored to {}: {} blobs of {} bytes\n", report->set, loaded->config.data,
               report->blobs, report->bytes);
    return print_check(inspect::to_json(report->check));
}

int run_upgrade(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const bool dry_run = take_switch(arguments, "--dry-run");
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    io::PosixDisk disk;
    const Result<unsigned> format = inspect::DataDirectory::read_format(disk, loaded->config.data);
    if (!format) return complain(format.error().message(), failed);
    fmt::print("{} has data format {}, the newest that this program knows; {}\n",
               loaded->config.data, *format,
               dry_run ? "an upgrade would change nothing" : "nothing was changed");
    return done;
}

}  // namespace weir::cli
