// weir cp.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/s3/local_name.h"
#include "cli/s3/s3_command.h"
#include "cli/s3/tree_mover.h"

namespace weir::cli {
namespace {

constexpr std::string_view usage =
    "usage: weir cp SOURCE DESTINATION [options], each a path, s3://BUCKET/KEY, or - for standard "
    "input or output; at least one in a bucket";

bool is_folder(const std::string& path) {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

// Something that is written into, not replaced: a device, a pipe.
bool is_special(const std::string& path) {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 && !S_ISDIR(found.st_mode) && !S_ISREG(found.st_mode);
}

// Where a single source goes: into a folder under its own name, or to the very name.
Result<Location> target_of(const Location& source, Location destination) {
    const std::string name(last_name(source.is_s3() ? source.key : source.path));
    if (destination.is_s3()) {
        if (!destination.key.empty() && !destination.key.ends_with('/')) return destination;
        if (source.is_stream())
            return fail(Code::invalid_argument,
                        fmt::format("{} is a folder: name the key too", destination.text()));
        destination.key += name;
        return destination;
    }
    if (destination.is_stream()) return destination;
    if (!destination.path.ends_with('/') && !is_folder(destination.path)) return destination;
    TRY_VOID(check_local_name(name));
    destination.path = local_path(destination.path, name);
    return destination;
}

// What is wrong with the line, before anything is asked of anybody; empty: nothing.
std::string mistake_in(const S3Line& line) {
    if (line.places.size() != 2) return "cp takes a source and a destination";
    const Location &source = line.places[0], &destination = line.places[1];
    if (!source.is_s3() && !destination.is_s3())
        return "neither is in a bucket; write s3://BUCKET/KEY";
    if (line.recursive && (source.is_stream() || destination.is_stream()))
        return "- is one object, so it does not go with --recursive";
    if (source.is_stream() && line.move.part_bytes > stream_part_bytes_max)
        return fmt::format("parts of a stream are held in memory: --part-mib is {} at most",
                           stream_part_bytes_max / MiB);
    if (line.move.resume && source.is_stream())
        return "a stream cannot be read again, so it does not go with --resume";
    if (line.recursive) return "";
    if (source.is_s3() && (source.key.empty() || source.key.ends_with('/')))
        return fmt::format("{} is a folder; add --recursive", source.text());
    if (source.kind == Location::Kind::local && is_folder(source.path))
        return fmt::format("{} is a folder; add --recursive", source.path);
    return "";
}

Result<void> download_into(Mover& mover, const ObjectPlace& from, const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return fail(errno_error("opening " + path, errno));
    const Result<void> written = mover.download_stream(from, descriptor);
    ::close(descriptor);
    return written;
}

Result<void> move_one(Mover& mover, Report& report, const Location& from, const Location& to) {
    const ObjectPlace source{.bucket = from.bucket, .key = from.key},
        destination{.bucket = to.bucket, .key = to.key};
    if (from.is_stream()) return mover.upload_stream(STDIN_FILENO, destination);
    if (to.is_stream()) return mover.download_stream(source, STDOUT_FILENO);
    if (from.is_s3() && to.is_s3()) return mover.copy(source, std::nullopt, destination);
    if (from.is_s3())
        return is_special(to.path) ? download_into(mover, source, to.path)
                                   : mover.download(source, std::nullopt, to.path);
    struct stat found{};
    if (::stat(from.path.c_str(), &found) != 0) return fail(errno_error(from.path, errno));
    // What is no file has no size, and is read to its end.
    if (!S_ISREG(found.st_mode)) {
        const int descriptor = ::open(from.path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) return fail(errno_error("opening " + from.path, errno));
        const Result<void> sent = mover.upload_stream(descriptor, destination);
        ::close(descriptor);
        return sent;
    }
    report.plan(static_cast<std::uint64_t>(found.st_size));
    report.all_planned();
    return mover.upload(from.path, destination);
}

std::string_view verb_of(const Location& from, const Location& to) {
    if (!from.is_s3()) return "upload";
    return to.is_s3() ? "copy" : "download";
}

Result<void> copy_one(const S3Line& line, S3Session& session, Report& report) {
    const Location& from = line.places[0];
    TRY(const Location to, target_of(from, line.places[1]));
    const std::string what = fmt::format("{} to {}", from.text(), to.text());
    Mover mover(session, line.move, report);
    const Result<void> moved =
        line.report.dry_run ? Result<void>() : move_one(mover, report, from, to);
    if (moved) {
        report.did(verb_of(from, to), what);
    } else {
        report.failed(fmt::format("{} of {}", verb_of(from, to), what), moved.error());
    }
    return {};
}

Result<void> copy_tree(const S3Line& line, S3Session& session, Report& report) {
    const Location& source = line.places[0];
    if (!source.is_s3() && !is_folder(source.path))
        return fail(Code::invalid_argument,
                    fmt::format("{} is no folder; leave --recursive out", source.path));
    const std::unique_ptr<Tree> tree =
        tree_of(session, source, [&](const std::string& text) { report.problem(text); });
    TreeMover mover(session, report, line);
    while (!session.stopped()) {
        Result<std::optional<Entry>> entry = tree->next();
        if (!entry) {
            mover.wait();
            return fail(entry.error());
        }
        if (!*entry) break;
        if (is_wanted(line, **entry)) mover.move(**entry);
    }
    report.all_planned();
    mover.wait();
    return {};
}

}  // namespace

int run_cp(const std::vector<std::string>& arguments) {
    if (asks_for_help(arguments)) return explain(usage, verb_cp);
    const Result<S3Line> line = parse_s3_line(verb_cp, arguments);
    if (!line) return misuse(line.error().message(), usage);
    if (const std::string mistake = mistake_in(*line); !mistake.empty())
        return misuse(mistake, usage);
    return run_reported(*line, [&](S3Session& session, Report& report) {
        return line->recursive ? copy_tree(*line, session, report)
                               : copy_one(*line, session, report);
    });
}

}  // namespace weir::cli
