// weir sync: two trees, side by side, in the order of their names.

#include <fmt/format.h>

#include <filesystem>

#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/s3/remover.h"
#include "cli/s3/s3_command.h"
#include "cli/s3/sync_rule.h"
#include "cli/s3/tree_mover.h"

namespace weir::cli {
namespace {

constexpr std::string_view usage =
    "usage: weir sync SOURCE DESTINATION [options], each a folder or s3://BUCKET[/PREFIX]; at "
    "least one in a bucket";

class Sync {
  public:
    Sync(S3Session& session, Report& report, const S3Line& line)
        : session_(session),
          report_(report),
          line_(line),
          mover_(session, report, line),
          rule_{.download = !line.places[1].is_s3(),
                .size_only = line.size_only,
                .exact_timestamps = line.exact_timestamps},
          source_{tree_of(session, line.places[0], on_problem())},
          destination_{tree_of(session, line.places[1], on_problem())} {}

    Result<void> run() {
        const Result<void> walked = walk();
        report_.all_planned();
        mover_.wait();
        if (!walked) return walked;
        if (line_.delete_others) return delete_others();
        return {};
    }

  private:
    OnProblem on_problem() {
        return [this](const std::string& text) {
            complete_ = false;
            report_.problem(text);
        };
    }

    struct Side {
        std::unique_ptr<Tree> tree;
        std::optional<std::string> last = {};
    };

    Result<std::optional<Entry>> next(Side& side) const {
        for (;;) {
            TRY(std::optional<Entry> entry, side.tree->next());
            if (!entry) return entry;
            // Some stores list in an order of their own; then nobody knows what is missing.
            if (side.last && *side.last >= entry->name)
                return fail(Code::not_implemented,
                            fmt::format("the store lists {} after {}: two sides can be compared "
                                        "only in the order of their names; use weir cp --recursive",
                                        entry->name, *side.last));
            side.last = entry->name;
            if (is_wanted(line_, *entry)) return entry;
        }
    }

    Result<void> walk() {
        TRY(std::optional<Entry> here, next(source_));
        TRY(std::optional<Entry> there, next(destination_));
        while ((here || there) && !session_.stopped()) {
            if (!there || (here && here->name < there->name)) {
                mover_.move(*here);
                TRY(here, next(source_));
            } else if (!here || there->name < here->name) {
                TRY_VOID(remember(there->name));
                TRY(there, next(destination_));
            } else {
                if (differs(rule_, *here, *there)) mover_.move(*here);
                TRY(here, next(source_));
                TRY(there, next(destination_));
            }
        }
        return {};
    }

    Result<void> remember(const std::string& name) {
        if (!line_.delete_others) return {};
        if (others_.size() == sync_deletes_max)
            return fail(Code::invalid_request,
                        fmt::format("more than {} files would be deleted; delete some of them by "
                                    "weir rm --recursive",
                                    sync_deletes_max));
        others_.push_back(name);
        return {};
    }

    // Only what is known not to be in the source: all of it was listed, without a gap.
    Result<void> delete_others() {
        if (session_.stopped()) return {};
        if (!complete_)
            return fail(Code::invalid_request,
                        "nothing was deleted, since not all of both sides could be listed");
        const Location& place = line_.places[1];
        if (!place.is_s3()) {
            for (const std::string& name : others_)
                remove_file(report_, below(place, name).path, line_.report.dry_run);
            return {};
        }
        ObjectRemover remover(session_, report_, place.bucket, line_.report.dry_run);
        for (const std::string& name : others_) remover.remove(below(place, name).key);
        remover.finish();
        return {};
    }

    S3Session& session_;
    Report& report_;
    const S3Line& line_;
    TreeMover mover_;
    const SyncRule rule_;
    Side source_, destination_;
    bool complete_ = true;
    std::vector<std::string> others_;  // at the destination only
};

std::string mistake_in(const S3Line& line) {
    if (line.places.size() != 2) return "sync takes a source and a destination";
    const Location &source = line.places[0], &destination = line.places[1];
    if (source.is_stream() || destination.is_stream()) return "- is no folder";
    if (!source.is_s3() && !destination.is_s3())
        return "neither is in a bucket; write s3://BUCKET/PREFIX";
    if (source.is_s3() && destination.is_s3() && source.bucket == destination.bucket &&
        folder_prefix(source.key) == folder_prefix(destination.key))
        return "source and destination are the same";
    return "";
}

Result<void> check_source(const Location& source) {
    std::error_code error;
    if (source.is_s3() || std::filesystem::is_directory(source.path, error)) return {};
    return fail(Code::invalid_argument, fmt::format("{} is no folder", source.path));
}

}  // namespace

int run_sync(const std::vector<std::string>& arguments) {
    if (asks_for_help(arguments)) return explain(usage, verb_sync);
    const Result<S3Line> line = parse_s3_line(verb_sync, arguments);
    if (!line) return misuse(line.error().message(), usage);
    if (const std::string mistake = mistake_in(*line); !mistake.empty())
        return misuse(mistake, usage);
    return run_reported(*line, [&](S3Session& session, Report& report) -> Result<void> {
        TRY_VOID(check_source(line->places[0]));
        return Sync(session, report, *line).run();
    });
}

}  // namespace weir::cli
