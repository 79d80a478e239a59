#include "cli/s3/s3_command.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "cli/command_line.h"
#include "cli/s3/local_name.h"
#include "cli/s3/local_tree.h"
#include "cli/s3/remote_tree.h"
#include "cli/stop_signals.h"

namespace weir::cli {
namespace {

// Connections and files hold descriptors.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int run_reported(const S3Line& line, const S3Work& work) {
    raise_descriptor_limit();
    const std::shared_ptr<Log> log = stderr_log();
    log->set_level(spdlog::level::warn);
    StopSignals signals;  // blocks them in all threads that come
    ClientLimits limits;
    if (line.move.part_bytes > 0) limits.transfer_part_bytes = line.move.part_bytes;
    const Result<std::unique_ptr<S3Session>> session = S3Session::open(line.endpoint, limits, *log);
    if (!session) return complain(session.error().message(), failed);
    Report report(line.report);
    signals.on_stop([&] { (*session)->stop(); },
                    [&] {
                        report.tick();
                        (*session)->trim();
                    });
    const Result<void> worked = work(**session, report);
    signals.end();
    const bool stopped = (*session)->stopped();
    if (!worked && !stopped) report.failed(worked.error());
    if (stopped) report.problem("it was interrupted; what was not done is left as it was");
    return report.finish();
}

int explain(std::string_view usage, S3Verb verb) {
    fmt::print("{}\n\n{}", usage, describe_s3_options(verb));
    return done;
}

int misuse(std::string_view why, std::string_view usage) {
    return complain(fmt::format("{}\n{}", why, usage), misused);
}

bool is_wanted(const S3Line& line, const Entry& entry) {
    const bool all_s3 = std::ranges::all_of(line.places, &Location::is_s3);
    return line.filter.includes(entry.name) && (all_s3 || !is_folder_marker(entry));
}

std::unique_ptr<Tree> tree_of(S3Session& session, const Location& place, OnProblem on_problem) {
    if (!place.is_s3()) return std::make_unique<LocalTree>(place.path, std::move(on_problem));
    return std::make_unique<RemoteTree>(session.client(), session.call(), place.bucket,
                                        folder_prefix(place.key));
}

Location below(const Location& place, const std::string& name) {
    Location found = place;
    if (place.is_s3()) {
        found.key = folder_prefix(place.key) + name;
    } else {
        found.path = local_path(place.path, name);
    }
    return found;
}

}  // namespace weir::cli
