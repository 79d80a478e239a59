#include "cli/commands.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "backup/backup.h"
#include "backup/report_json.h"
#include "backup/restore.h"
#include "cli/admin_client.h"
#include "cli/config.h"
#include "inspect/data_directory.h"
#include "inspect/offline.h"
#include "inspect/report_json.h"
#include "io/posix_disk.h"

namespace weir::cli {
namespace {

constexpr int done = 0, failed = 1, misused = 2;

// The flags that a command takes besides the configuration's, taken out of the arguments.
std::optional<std::string> take_flag(std::vector<std::string>& arguments, const std::string& name) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const bool joined = arguments[i].starts_with(name + "=");
        if (!joined && (arguments[i] != name || i + 1 == arguments.size())) continue;
        std::string value = joined ? arguments[i].substr(name.size() + 1) : arguments[i + 1];
        const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
        arguments.erase(at, at + (joined ? 1 : 2));
        return value;
    }
    return std::nullopt;
}

bool take_switch(std::vector<std::string>& arguments, std::string_view name) {
    return std::erase(arguments, name) > 0;
}

std::optional<std::string> take_word(std::vector<std::string>& arguments) {
    if (arguments.empty() || arguments.front().starts_with("--")) return std::nullopt;
    std::string word = arguments.front();
    arguments.erase(arguments.begin());
    return word;
}

Result<Loaded> load(const std::vector<std::string>& arguments) {
    TRY(const Flags flags, parse_flags(arguments));
    return load_config(flags);
}

int run_config(const std::vector<std::string>& arguments) {
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    fmt::print("{}", describe(loaded->settings));
    return done;
}

int run_env(const std::vector<std::string>& arguments) {
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    io::PosixDisk disk;
    const Result<std::string> lines =
        inspect::DataDirectory::read_environment(disk, loaded->config.data);
    if (!lines)
        return complain(
            fmt::format("{} says nothing of a server yet; start one with: weir serve --data {}",
                        loaded->config.data, loaded->config.data),
            failed);
    fmt::print("{}", *lines);
    return done;
}

int ask(const Config& config, const std::string& method, const std::string& path,
        const nlohmann::json& body, int (*print)(const nlohmann::json& reply)) {
    AdminClient client(config.data);
    const Result<nlohmann::json> reply = client.request(method, path, body);
    if (!reply) return complain(reply.error().message(), failed);
    return print(*reply);
}

int print_keys(const nlohmann::json& reply) {
    fmt::print("{:28} {:20} {:9} {}\n", "ACCESS KEY", "OWNER", "STATE", "CREATED");
    for (const nlohmann::json& key : reply.at("keys"))
        fmt::print("{:28} {:20} {:9} {}\n", key.at("id").get<std::string>(),
                   key.at("owner").get<std::string>(),
                   key.at("enabled").get<bool>() ? "enabled" : "disabled",
                   key.at("created").get<std::string>());
    return done;
}

int print_key(const nlohmann::json& reply) {
    fmt::print("export AWS_ACCESS_KEY_ID=\"{}\"\n", reply.at("id").get<std::string>());
    if (reply.contains("secret"))
        fmt::print("export AWS_SECRET_ACCESS_KEY=\"{}\"\n", reply.at("secret").get<std::string>());
    return done;
}

int print_ok(const nlohmann::json&) { return done; }

int print_json(const nlohmann::json& reply) {
    fmt::print("{}\n", reply.dump(2));
    return done;
}

Result<std::string> read_secret(const std::string& path) {
    std::ifstream file(path);
    std::string secret;
    if (!file || !std::getline(file, secret))
        return fail(Code::not_found, fmt::format("{} holds no secret", path));
    return secret;
}

int create_key(const Config& config, const std::optional<std::string>& owner,
               const std::optional<std::string>& id,
               const std::optional<std::string>& secret_file) {
    if (!owner) return complain("keys create needs --owner NAME", misused);
    if (id.has_value() != secret_file.has_value())
        return complain(
            "--access-key and --secret-file go together: a key that exists already, and a file "
            "with its secret",
            misused);
    nlohmann::json body{{"owner", *owner}};
    if (id) {
        const Result<std::string> secret = read_secret(*secret_file);
        if (!secret) return complain(secret.error().message(), failed);
        body["id"] = *id;
        body["secret"] = *secret;
    }
    return ask(config, "POST", "/keys", body, print_key);
}

int run_keys(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> verb = take_word(arguments);
    const std::optional<std::string> target = take_word(arguments);
    const std::optional<std::string> owner = take_flag(arguments, "--owner"),
                                     id = take_flag(arguments, "--access-key"),
                                     secret_file = take_flag(arguments, "--secret-file");
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    const Config& config = loaded->config;
    if (verb == "create" && !target) return create_key(config, owner, id, secret_file);
    if (verb == "list" && !target) return ask(config, "GET", "/keys", nullptr, print_keys);
    if (!target)
        return complain(
            "usage: weir keys create --owner NAME | list | disable ID | enable ID | remove ID",
            misused);
    if (verb == "disable" || verb == "enable")
        return ask(config, "POST", "/keys/" + *target + "/" + *verb, nullptr, print_ok);
    if (verb == "remove") return ask(config, "DELETE", "/keys/" + *target, nullptr, print_ok);
    return complain(fmt::format("'{}' is no command of weir keys", verb.value_or("")), misused);
}

int print_limits(const nlohmann::json& reply) {
    fmt::print("{:32} {:>16} {:>16}\n", "LIMIT", "BOUND", "IN USE");
    for (const nlohmann::json& limit : reply.at("limits"))
        fmt::print(
            "{:32} {:>16} {:>16}\n", limit.at("name").get<std::string>(),
            limit.at("bound").get<std::uint64_t>(),
            limit.contains("use") ? std::to_string(limit.at("use").get<std::uint64_t>()) : "-");
    return done;
}

int run_admin(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> verb = take_word(arguments);
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    if (verb == "limits") return ask(loaded->config, "GET", "/limits", nullptr, print_limits);
    if (verb == "status") return ask(loaded->config, "GET", "/status", nullptr, print_json);
    return complain("usage: weir admin limits | status", misused);
}

// Damage and leaks that stay make the exit code 1.
int print_check(const nlohmann::json& reply) {
    for (const nlohmann::json& finding : reply.at("findings"))
        fmt::print("{}: {}: {}{}\n", finding.at("kind").get<std::string>(),
                   finding.at("where").get<std::string>(), finding.at("what").get<std::string>(),
                   finding.at("repaired").get<bool>() ? " (mended)" : "");
    fmt::print(
        "{} buckets, {} versions, {} uploads, {} blobs of {} bytes, {} bytes compared; {} damaged, "
        "{} leaks, {} mended\n",
        reply.at("buckets").get<std::uint64_t>(), reply.at("versions").get<std::uint64_t>(),
        reply.at("uploads").get<std::uint64_t>(), reply.at("blobs").get<std::uint64_t>(),
        reply.at("blob_bytes").get<std::uint64_t>(), reply.at("bytes_read").get<std::uint64_t>(),
        reply.at("damage").get<std::uint64_t>(), reply.at("leaks").get<std::uint64_t>(),
        reply.at("repaired").get<std::uint64_t>());
    const bool clean = reply.at("damage") == 0 && reply.at("leaks") == reply.at("repaired");
    return clean ? done : failed;
}

int run_fsck(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const bool repair = take_switch(arguments, "--repair"), read = take_switch(arguments, "--read");
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    const std::shared_ptr<Log> log = null_log();
    const Result<inspect::CheckReport> report =
        inspect::check_offline(loaded->config.data, {.read_bytes = read, .repair = repair}, *log);
    if (report) return print_check(inspect::to_json(*report));
    if (report.error().code() != Code::unavailable)
        return complain(report.error().message(), failed);
    return ask(loaded->config, "POST", "/fsck", {{"repair", repair}, {"read", read}}, print_check);
}

int print_scrub(const nlohmann::json& reply) {
    fmt::print("{} extents and {} inline bodies, {} bytes; {} damaged\n",
               reply.at("extents").get<std::uint64_t>(), reply.at("bodies").get<std::uint64_t>(),
               reply.at("bytes").get<std::uint64_t>(), reply.at("damaged").get<std::uint64_t>());
    for (const nlohmann::json& finding : reply.at("findings"))
        fmt::print("damage: {}\n", finding.get<std::string>());
    return reply.at("damaged") == 0 ? done : failed;
}

bool is_count(std::string_view text) {
    constexpr std::size_t digits_max = 6;
    return !text.empty() && text.size() <= digits_max &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

int run_scrub(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::string rate = take_flag(arguments, "--rate-mib").value_or("64");
    if (!is_count(rate))
        return complain("--rate-mib is MiB a second, 0 for as fast as the disk gives", misused);
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    const std::uint64_t bytes_per_second = std::stoull(rate) * MiB;
    nlohmann::json findings = nlohmann::json::array();
    const std::shared_ptr<Log> log = null_log();
    const Result<inspect::ScrubReport> report = inspect::scrub_offline(
        loaded->config.data,
        {.bytes_per_second = bytes_per_second,
         .on_damage = [&](const std::string& where,
                          const std::string& what) { findings.push_back(where + ": " + what); }},
        *log);
    if (!report && report.error().code() == Code::unavailable)
        return ask(loaded->config, "POST", "/scrub", {{"bytes_per_second", bytes_per_second}},
                   print_scrub);
    if (!report) return complain(report.error().message(), failed);
    nlohmann::json shown = inspect::to_json(*report);
    shown["findings"] = findings;
    return print_scrub(shown);
}

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

// Asks the running server, or else the directory itself.
int describe(const std::vector<std::string>& arguments, const nlohmann::json& question,
             int (*print)(const nlohmann::json& reply)) {
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    const std::shared_ptr<Log> log = null_log();
    const Result<nlohmann::json> reply =
        inspect::describe_offline(loaded->config.data, question, *log);
    if (reply) return print(*reply);
    if (reply.error().code() != Code::unavailable) return complain(reply.error().message(), failed);
    return ask(loaded->config, "POST", "/describe", question, print);
}

int run_object(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> verb = take_word(arguments), name = take_word(arguments),
                                     version = take_flag(arguments, "--version-id");
    const std::size_t slash = name ? name->find('/') : std::string::npos;
    if (verb != "stat" || slash == std::string::npos)
        return complain("usage: weir object stat BUCKET/KEY [--version-id ID]", misused);
    nlohmann::json question{
        {"what", "object"}, {"bucket", name->substr(0, slash)}, {"key", name->substr(slash + 1)}};
    if (version) question["version_id"] = *version;
    return describe(arguments, question, print_json);
}

int print_blobs(const nlohmann::json& reply) {
    fmt::print("{:32} {:>16} {:>16}\n", "BLOB", "BYTES", "ON DISK");
    for (const nlohmann::json& blob : reply.at("blobs"))
        fmt::print("{:32} {:>16} {:>16}\n", blob.at("blob").get<std::string>(),
                   blob.at("size_bytes").get<std::uint64_t>(),
                   blob.at("allocated_bytes").get<std::uint64_t>());
    if (reply.at("next").is_string())
        fmt::print("more: weir blob ls --from {}\n", reply.at("next").get<std::string>());
    return done;
}

int run_blob(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> verb = take_word(arguments), name = take_word(arguments),
                                     from = take_flag(arguments, "--from");
    if (verb == "stat" && name)
        return describe(arguments, {{"what", "blob"}, {"blob", *name}}, print_json);
    if (verb != "ls" || name)
        return complain("usage: weir blob ls [--from BLOB] | stat BLOB", misused);
    nlohmann::json question{{"what", "blobs"}};
    if (from) question["from"] = *from;
    return describe(arguments, question, print_blobs);
}

int run_version(const std::vector<std::string>&) {
    fmt::print("weir {}\n", WEIR_VERSION);
    return done;
}

constexpr std::array<Command, 12> table{{
    {"env", "weir env [--data DIR]", "prints what clients need, for eval", run_env},
    {"config", "weir config [options]", "shows every option, its value and where it came from",
     run_config},
    {"keys",
     "weir keys create --owner NAME [--access-key ID --secret-file FILE] | list | disable ID | "
     "enable ID | remove ID",
     "access keys of the running server", run_keys},
    {"admin", "weir admin limits | status", "bounds and their present use; what the server does",
     run_admin},
    {"fsck", "weir fsck [--read] [--repair]",
     "proves a data directory, of a running server or a stopped one", run_fsck},
    {"scrub", "weir scrub [--rate-mib N]",
     "reads every byte again and compares it with its checksum", run_scrub},
    {"backup", "weir backup DIR [--keep COUNT] [--without-secret-key]",
     "copies what is new to a backup directory, while writes go on", run_backup},
    {"restore", "weir restore DIR --data NEW_DIR [--set NAME] [--secret-key FILE]",
     "makes a data directory from a backup, and proves it", run_restore},
    {"upgrade", "weir upgrade [--dry-run]",
     "brings a data directory to the newest format, or says what that would do", run_upgrade},
    {"object", "weir object stat BUCKET/KEY [--version-id ID]",
     "shows a version's record and the blobs that hold its bytes", run_object},
    {"blob", "weir blob ls [--from BLOB] | stat BLOB",
     "lists the blobs; shows one, with the rows about it", run_blob},
    {"version", "weir version", "prints the version", run_version},
}};

}  // namespace

std::span<const Command> commands() { return table; }

int run(const Command& command, const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
        if (argument != "--help" && argument != "-h") continue;
        fmt::print("{}\n\n  {}\n\nweir serve --help shows the options that every command takes.\n",
                   command.help, command.usage);
        return done;
    }
    return command.run(arguments);
}

int print_usage() {
    fmt::print("Weir keeps machine-learning weights in buckets behind an S3 API.\n\n  {:10} {}\n",
               "serve", "serves a data directory (weir serve --help shows every option)");
    for (const Command& command : table)
        fmt::print("  {:10} {}\n  {:10}   {}\n", command.name, command.help, "", command.usage);
    return done;
}

int complain(std::string_view sentence, int code) {
    fmt::print(stderr, "weir: {}\n", sentence);
    return code;
}

}  // namespace weir::cli
