#pragma once
// The second half of a file's way to the store where it was renamed while its parts went: what was
// completed under the name that the upload began with gets the file's. By the store's RenameObject,
// or where it has none, by a copy.
//
// Called by Draft; safe from any thread. Failure: precondition_failed where the new name is
// somebody else's, and the object is still under the old one; the client's, after which nobody
// knows: the next call finds out.

#include <optional>
#include <string>

#include "base/result.h"
#include "client/s3_client.h"
#include "mount/draft.h"
#include "mount/object_move.h"
#include "mount/part_uploader.h"

namespace weir::mount {

// What a draft's object is moved by.
MoveGround move_ground(const DraftGround& ground);

struct CompletedMove {
    std::string from = {};
    std::string to = {};
    client::WriteConditions conditions = {};  // of `to`
    PartUploader::Completed object = {};      // at `from`, or moved by an earlier try
};

// As it is then. nullopt: somebody else has replaced or removed it.
Result<std::optional<PartUploader::Completed>> move_completed(const DraftGround& ground,
                                                              const CompletedMove& move,
                                                              const client::Call& call);

// Is that still what the key holds?
Result<bool> is_there(const DraftGround& ground, const std::string& key, const std::string& etag,
                      const client::Call& call);

}  // namespace weir::mount
