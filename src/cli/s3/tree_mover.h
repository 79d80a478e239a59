#pragma once
// The files of a tree to where they belong at the destination, some at a time.
//
// Belongs to its command, on whose thread move() is called. Failures go to the report, each with
// its name; after an interruption nothing more is begun.

#include "cli/s3/job_queue.h"
#include "cli/s3/mover.h"
#include "cli/s3/s3_command.h"

namespace weir::cli {

class TreeMover {
  public:
    TreeMover(S3Session& session, Report& report, const S3Line& line);

    // Begins to move it; waits where enough are under way.
    void move(const Entry& entry);
    // Until all are moved.
    void wait() { jobs_.wait(); }

  private:
    Result<void> move_now(const Entry& entry, const Location& from, const Location& to);
    // "upload", "download" or "copy".
    std::string_view verb() const;

    S3Session& session_;
    Report& report_;
    const S3Line& line_;
    const Location& source_;
    const Location& destination_;
    Mover mover_;
    JobQueue jobs_;
};

}  // namespace weir::cli
