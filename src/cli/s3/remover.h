#pragma once
// Deletes many objects by requests of a thousand, some at a time; or files.
//
// Belongs to its command, on whose thread remove() is called. Failures go to the report, each with
// its name.

#include <string>
#include <vector>

#include "cli/s3/job_queue.h"
#include "cli/s3/report.h"
#include "cli/s3_session.h"

namespace weir::cli {

class ObjectRemover {
  public:
    ObjectRemover(S3Session& session, Report& report, std::string bucket, bool dry_run);

    void remove(std::string key);
    // Until all are gone.
    void finish();

  private:
    void send(const std::vector<std::string>& keys);
    void flush();

    S3Session& session_;
    Report& report_;
    const std::string bucket_;
    const bool dry_run_;
    std::vector<std::string> keys_;
    JobQueue jobs_;
};

// Its folder stays.
void remove_file(Report& report, const std::string& path, bool dry_run);

}  // namespace weir::cli
