#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "cli/command_line.h"
#include "cli/daemon.h"
#include "cli/daemon_socket.h"
#include "cli/mount_line.h"
#include "cli/mount_run.h"
#include "cli/mount_table.h"
#include "cli/unmount.h"

namespace weir::cli {
namespace {

// mount(8)'s: a mount failed.
constexpr int mount_failed = 32;

// The folder is there, and nothing of ours is mounted on it. A mount that died there is cleared
// away.
Result<void> prepare_folder(MountLine& line) {
    TRY(const std::string name, mount_name(line.folder));
    give_up_dead(name);
    TRY(line.folder, real_folder(line.folder));
    TRY(const std::optional<Mounted> there, mounted_at(line.folder));
    if (there && !is_dead(line.folder))
        return fail(Code::already_exists,
                    fmt::format("{} is mounted at {} already; weir umount {} first", there->source,
                                line.folder, line.folder));
    if (there) TRY_VOID(unmount(line.folder, true));
    std::error_code error;
    std::filesystem::create_directories(line.folder, error);
    if (error)
        return fail(Code::invalid_argument,
                    fmt::format("{} cannot be made: {}", line.folder, error.message()));
    return {};
}

int mount_in_foreground(const MountLine& line) {
    const Result<void> ended = run_mounted(line, [] { return true; });
    return ended ? done : complain(ended.error().message(), mount_failed);
}

int mount_in_background(const MountLine& line) {
    Result<Detached> detached = Daemon::detach();
    if (!detached) return complain(detached.error().message(), mount_failed);
    if (!detached->child) return detached->exit_code;
    Daemon& daemon = *detached->child;
    bool told = false;
    const Result<void> ended = run_mounted(line, [&] {
        told = true;
        // The folder that it was called in may be unmounted some day.
        return ::chdir("/") == 0 && daemon.succeeded();
    });
    if (ended) return done;
    if (!told) daemon.failed(ended.error().message(), mount_failed);
    return failed;
}

int mount_it(MountLine line) {
    const Result<void> prepared = prepare_folder(line);
    if (!prepared) return complain(prepared.error().message(), mount_failed);
    return line.foreground ? mount_in_foreground(line) : mount_in_background(line);
}

}  // namespace

int run_mount(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    if (!arguments.empty() && arguments.front() == "status") {
        arguments.erase(arguments.begin());
        return run_mount_status(arguments);
    }
    if (!arguments.empty() && (arguments.front() == "--kept" || arguments.front() == "--discard"))
        return run_mount_kept(arguments);
    if (!arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h")) {
        fmt::print(
            "weir mount BUCKET[:PREFIX][@TIME] DIR [options]: a bucket as a folder.\n"
            "weir mount status [DIR] [--json]: what mounts do just now.\n"
            "weir mount --kept [--cache DIR]: what is in a cache and could not be written.\n"
            "weir mount --discard ID... [--cache DIR]: nobody wants that any more.\n\n{}",
            describe_mount_options());
        return done;
    }
    Result<MountLine> line = parse_mount_line(arguments);
    if (!line) return complain(line.error().message(), misused);
    return mount_it(*std::move(line));
}

int run_mount_helper(const std::vector<std::string>& arguments) {
    Result<HelperLine> helper = parse_helper_line(arguments);
    // mount(8)'s code for wrong usage.
    if (!helper) return complain(helper.error().message(), 1);
    if (helper->fake) return done;
    return mount_it(std::move(helper->line));
}

}  // namespace weir::cli
