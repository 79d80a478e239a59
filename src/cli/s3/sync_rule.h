#pragma once
// Whether `weir sync` copies a file that both sides have: the AWS CLI's rule. Sizes that differ,
// always. The same size: up, and from bucket to bucket, where the source is newer; down, where the
// file is newer than the object, which is then not what was downloaded.
//
// Pure functions; safe from any thread.

#include "cli/s3/tree.h"

namespace weir::cli {

struct SyncRule {
    bool download = false;
    bool size_only = false;
    bool exact_timestamps = false;  // down: also where the object is newer
};

bool differs(const SyncRule& rule, const Entry& source, const Entry& destination);

}  // namespace weir::cli
