#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "inspect/offline.h"
#include "inspect/report_json.h"

namespace weir::cli {
namespace {

int print_scrub(const nlohmann::json& reply) {
    fmt::print("{} files of metadata, {} extents and {} inline bodies, {} bytes; {} damaged\n",
               reply.at("files").get<std::uint64_t>(), reply.at("extents").get<std::uint64_t>(),
               reply.at("bodies").get<std::uint64_t>(), reply.at("bytes").get<std::uint64_t>(),
               reply.at("damaged").get<std::uint64_t>());
    for (const nlohmann::json& finding : reply.at("findings"))
        fmt::print("damage: {}\n", finding.get<std::string>());
    return reply.at("damaged") == 0 ? done : failed;
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

}  // namespace

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
    if (!reply.at("leaks_known").get<bool>())
        fmt::print("records that cannot be read may need anything: nothing was taken for a leak\n");
    const bool clean = reply.at("damage") == 0 && reply.at("leaks") == reply.at("repaired");
    return clean ? done : failed;
}

int run_fsck(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const bool repair = take_switch(arguments, "--repair"), read = take_switch(arguments, "--read"),
               drop_damaged_log = take_switch(arguments, "--drop-damaged-log");
    if (drop_damaged_log && !repair)
        return complain("--drop-damaged-log gives up what was logged; it needs --repair too",
                        misused);
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    const std::shared_ptr<Log> log = stderr_log();
    const Result<inspect::CheckReport> report = inspect::check_offline(
        loaded->config.data,
        {.read_bytes = read, .repair = repair, .drop_damaged_log = drop_damaged_log}, *log);
    if (report) return print_check(inspect::to_json(*report));
    if (drop_damaged_log && report.error().code() == Code::unavailable)
        return complain(
            fmt::format("The log of a running server is not damaged: {}", report.error().message()),
            failed);
    if (report.error().code() != Code::unavailable)
        return complain(report.error().message(), failed);
    return ask(loaded->config, "POST", "/fsck", {{"repair", repair}, {"read", read}}, print_check);
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

}  // namespace weir::cli
