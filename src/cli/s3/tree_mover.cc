#include "cli/s3/tree_mover.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "cli/s3/local_name.h"

namespace weir::cli {

TreeMover::TreeMover(S3Session& session, Report& report, const S3Line& line)
    : session_(session),
      report_(report),
      line_(line),
      source_(line.places[0]),
      destination_(line.places[1]),
      mover_(session, line.move, report),
      jobs_(copy_files_max, copy_queue_max) {}

std::string_view TreeMover::verb() const {
    if (!source_.is_s3()) return "upload";
    return destination_.is_s3() ? "copy" : "download";
}

void TreeMover::move(const Entry& entry) {
    if (session_.stopped()) return;
    const Location from = below(source_, entry.name);
    if (!destination_.is_s3()) {
        if (const Result<void> named = check_local_name(entry.name); !named) {
            report_.failed(fmt::format("download of {}", from.text()), named.error());
            return;
        }
    }
    const Location to = below(destination_, entry.name);
    const std::string what = fmt::format("{} to {}", from.text(), to.text());
    if (line_.report.dry_run) {
        report_.did(verb(), what);
        return;
    }
    report_.plan(entry.bytes);
    jobs_.add([this, entry, from, to, what] {
        if (session_.stopped()) return;
        const Result<void> moved = move_now(entry, from, to);
        if (moved) {
            report_.did(verb(), what);
        } else {
            report_.failed(fmt::format("{} of {}", verb(), what), moved.error());
        }
    });
}

Result<void> TreeMover::move_now(const Entry& entry, const Location& from, const Location& to) {
    if (!from.is_s3()) return mover_.upload(from.path, {.bucket = to.bucket, .key = to.key});
    const ObjectPlace object{.bucket = from.bucket, .key = from.key};
    if (!to.is_s3()) return mover_.download(object, entry, to.path);
    return mover_.copy(object, entry, {.bucket = to.bucket, .key = to.key});
}

}  // namespace weir::cli
