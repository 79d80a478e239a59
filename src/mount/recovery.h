#pragma once
// Brings to the store what was written through mounts that ended before it was there: `weir mount
// --recover`. A file whose object was changed by somebody else since goes beside it, by the name
// KEY.recovered-ID; where the bytes of the version that it began from are gone, it stays.
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
    std::string saved_as = {};  // where that is another key
    std::uint64_t bytes = 0;
    bool unwanted = false;            // it was being removed
    std::optional<Error> error = {};  // it is still in the cache, and why

    std::string describe() const;  // one sentence
};

struct Recovery {
    std::vector<Recovered> files = {};
    std::vector<std::string> others = {};  // "ENDPOINT BUCKET" of what is another mount's
};

// What was to be written to the ground's bucket, below `prefix`. Fails only where the cache cannot
// tell what there is. Once `call` is interrupted the rest is left.
Result<Recovery> recover_writes(const DraftGround& ground, const std::string& prefix,
                                const client::Call& call = {});

}  // namespace weir::mount
