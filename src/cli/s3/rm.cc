// weir rm.

#include <fmt/format.h>

#include "cli/command_line.h"
#include "cli/s3/remote_tree.h"
#include "cli/s3/remover.h"
#include "cli/s3/s3_command.h"

namespace weir::cli {
namespace {

constexpr std::string_view usage =
    "usage: weir rm s3://BUCKET/KEY | --recursive s3://BUCKET[/PREFIX] [options]";

std::string mistake_in(const S3Line& line) {
    if (line.places.size() != 1 || !line.places[0].is_s3())
        return "rm takes one place in a bucket, s3://BUCKET/KEY";
    if (!line.recursive && line.places[0].key.empty())
        return fmt::format("{} is a bucket; add --recursive to delete all that is in it",
                           line.places[0].text());
    return "";
}

Result<void> remove_one(const S3Line& line, S3Session& session, Report& report) {
    const Location& place = line.places[0];
    if (line.report.dry_run) {
        report.did("delete", place.text());
        return {};
    }
    const auto removed =
        session.client().delete_object({.bucket = place.bucket, .key = place.key}, session.call());
    if (removed) {
        report.deleted(place.text());
    } else {
        report.failed(fmt::format("delete of {}", place.text()), removed.error());
    }
    return {};
}

Result<void> remove_all(const S3Line& line, S3Session& session, Report& report) {
    const Location& place = line.places[0];
    const std::string prefix = folder_prefix(place.key);
    RemoteTree tree(session.client(), session.call(), place.bucket, prefix);
    ObjectRemover remover(session, report, place.bucket, line.report.dry_run);
    Result<void> listed;
    while (!session.stopped()) {
        const Result<std::optional<Entry>> entry = tree.next();
        if (!entry) listed = fail(entry.error());
        if (!entry || !*entry) break;
        if (line.filter.includes((*entry)->name)) remover.remove(prefix + (*entry)->name);
    }
    remover.finish();
    return listed;
}

}  // namespace

int run_rm(const std::vector<std::string>& arguments) {
    if (asks_for_help(arguments)) return explain(usage, verb_rm);
    const Result<S3Line> line = parse_s3_line(verb_rm, arguments);
    if (!line) return misuse(line.error().message(), usage);
    if (const std::string mistake = mistake_in(*line); !mistake.empty())
        return misuse(mistake, usage);
    return run_reported(*line, [&](S3Session& session, Report& report) {
        return line->recursive ? remove_all(*line, session, report)
                               : remove_one(*line, session, report);
    });
}

}  // namespace weir::cli
