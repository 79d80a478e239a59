#pragma once
// Brings to the store what was written through mounts that ended before it was there: `weir mount
// --recover`. A file whose object was changed by somebody else since is left as it is, and named.
//
// Called once, before a mount serves. Other mounts of the same cache are not touched: what they
// write is theirs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "mount/draft.h"

namespace weir::mount {

struct Recovered {
    std::string id = {};  // what the cache calls it
    std::string key = {};
    std::uint64_t bytes = 0;
    std::optional<Error> error = {};  // it is still in the cache, and why
};

// What was to be written to the ground's bucket, below `prefix`. Fails only where the cache cannot
// tell what there is. Once `call` is interrupted the rest is left.
Result<std::vector<Recovered>> recover_writes(const DraftGround& ground, const std::string& prefix,
                                              const client::Call& call = {});

}  // namespace weir::mount
