#pragma once
// Takes a mount away: as root by umount(2), else by fusermount3.
//
// Blocking; safe from any thread. Failure: invalid_request with a sentence (busy, not ours).

#include <string>

#include "base/result.h"

namespace weir::cli {

// `lazy`: the name is gone at once, and the mount when nobody uses it any more.
Result<void> unmount(const std::string& folder, bool lazy);

}  // namespace weir::cli
