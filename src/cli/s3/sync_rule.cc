#include "cli/s3/sync_rule.h"

namespace weir::cli {

bool differs(const SyncRule& rule, const Entry& source, const Entry& destination) {
    if (source.bytes != destination.bytes) return true;
    if (rule.size_only) return false;
    if (!rule.download) return source.modified > destination.modified;
    // Some replies tell whole seconds only.
    const UnixNanos object_s = source.modified / nanos_per_second,
                    file_s = destination.modified / nanos_per_second;
    return rule.exact_timestamps ? file_s != object_s : file_s > object_s;
}

}  // namespace weir::cli
