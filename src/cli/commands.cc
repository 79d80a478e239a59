#include "cli/commands.h"

#include <fmt/format.h>

#include <array>

#include "cli/command_line.h"

namespace weir::cli {
namespace {

int run_version(const std::vector<std::string>&) {
    fmt::print("weir {}\n", WEIR_VERSION);
    return done;
}

constexpr std::array<Command, 18> table{{
    {"env", "weir env [--data DIR]", "prints what clients need, for eval", run_env},
    {"config", "weir config [options]", "shows every option, its value and where it came from",
     run_config},
    {"keys",
     "weir keys create --owner NAME [--access-key ID --secret-file FILE] | list | disable ID | "
     "enable ID | remove ID",
     "access keys of the running server", run_keys},
    {"admin", "weir admin limits | status", "bounds and their present use; what the server does",
     run_admin},
    {"fsck", "weir fsck [--read] [--repair [--drop-damaged-log]]",
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
    {"mount",
     "weir mount BUCKET[:PREFIX][@TIME] DIR [options] | status [DIR...] [--json | --metrics] | "
     "--kept",
     "a bucket as a folder (weir mount --help shows every option); what mounts do just now",
     run_mount, true},
    {"umount", "weir umount DIR [--lazy]",
     "takes a mount away once all is written; also one whose daemon is gone", run_umount},
    {"ls", "weir ls [s3://BUCKET[/PREFIX]] [--recursive] [--json]",
     "lists buckets, or what is in one", run_ls, true},
    {"cp", "weir cp SOURCE DESTINATION [--recursive]",
     "copies files and objects: up, down, from bucket to bucket", run_cp, true},
    {"sync", "weir sync SOURCE DESTINATION [--delete]",
     "copies what is new in a folder or below a prefix", run_sync, true},
    {"rm", "weir rm s3://BUCKET/KEY | --recursive s3://BUCKET[/PREFIX]", "deletes objects", run_rm,
     true},
    {"version", "weir version", "prints the version", run_version},
}};

}  // namespace

std::span<const Command> commands() { return table; }

int run(const Command& command, const std::vector<std::string>& arguments) {
    if (command.own_options) return command.run(arguments);
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
