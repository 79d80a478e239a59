#pragma once
// What `weir ls`, cp, sync and rm were asked for. One table (s3_line.cc) has every option, and
// which of the commands takes it; each prints its own by --help.
//
// Plain values and pure functions. Failure: invalid_argument, one sentence that names the option.

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/s3/location.h"
#include "cli/s3/mover.h"
#include "cli/s3/name_filter.h"
#include "cli/s3/report.h"
#include "client/endpoint.h"

namespace weir::cli {

// A set of commands.
enum S3Verb : unsigned { verb_ls = 1, verb_cp = 2, verb_sync = 4, verb_rm = 8 };

struct S3Line {
    client::EndpointOptions endpoint = {};
    std::vector<Location> places = {};
    NameFilter filter = {};
    ReportOptions report = {};
    MoveOptions move = {};
    bool recursive = false;
    bool json = false;
    bool summarize = false;
    bool delete_others = false;
    bool size_only = false;
    bool exact_timestamps = false;
};

Result<S3Line> parse_s3_line(S3Verb verb, const std::vector<std::string>& arguments);

bool asks_for_help(const std::vector<std::string>& arguments);
// The options for people.
std::string describe_s3_options(S3Verb verb);

}  // namespace weir::cli
