#pragma once
// What the four commands do alike: their line, a session that signals stop, a report that draws
// itself.
//
// Belongs to its command, on the thread that runs it. Failure of the work: its error becomes one
// sentence and exit code 1.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/s3/report.h"
#include "cli/s3/s3_line.h"
#include "cli/s3/tree.h"
#include "cli/s3_session.h"

namespace weir::cli {

// The work of a command that reports; an error of its own beside those in the report.
using S3Work = std::function<Result<void>(S3Session& session, Report& report)>;
// Opens the session and works; the exit code.
int run_reported(const S3Line& line, const S3Work& work);

// Says how the command is used, for --help or as a complaint about `why`.
int explain(std::string_view usage, S3Verb verb);
int misuse(std::string_view why, std::string_view usage);

// Whether an entry of either place is for this command: as --include and --exclude say, and no
// folder's marker where one of the places has folders of its own.
bool is_wanted(const S3Line& line, const Entry& entry);

// The tree below a folder or a prefix.
std::unique_ptr<Tree> tree_of(S3Session& session, const Location& place, OnProblem on_problem);
// The place of a name below a folder or a prefix; the name was checked where it is local.
Location below(const Location& place, const std::string& name);

}  // namespace weir::cli
