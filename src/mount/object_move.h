#pragma once
// Gives an object another name: by the store's RenameObject, or where it has none by a copy, after
// which the old name is removed if it still is that object.
//
// Plain function; safe from any thread. Failure: the client's. What a copy leaves under the old
// name, because it could not be removed, is logged: the object is where it belongs.

#include <string>

#include "base/log.h"
#include "base/result.h"
#include "client/s3_client.h"
#include "client/transfer.h"
#include "mount/node.h"

namespace weir::mount {

struct ObjectMove {
    std::string from = {};
    std::string to = {};
    ObjectVersion object = {};                // that `from` must be
    client::WriteConditions conditions = {};  // of `to`
};

struct MoveGround {
    client::S3Client& client;
    client::Transfers& transfers;
    const std::string& bucket;
    Log& log;
};

// A copy by the store. Where it takes no conditions for copies, they are looked at just before.
Result<client::UploadReply> copy_object(const MoveGround& ground, client::CopyObjectRequest request,
                                        const client::Call& call);
// What it is under the new name.
Result<ObjectVersion> move_object(const MoveGround& ground, const ObjectMove& move,
                                  const client::Call& call);
// The second half of a move by copy, for one whose reply was lost.
void remove_source(const MoveGround& ground, const ObjectMove& move, const client::Call& call);

// Of what the key holds; empty if there is nothing.
Result<std::string> etag_there(const MoveGround& ground, const std::string& key,
                               const client::Call& call);
// Is that still what the key holds?
Result<bool> is_there(const MoveGround& ground, const std::string& key, const std::string& etag,
                      const client::Call& call);

// Of a condition, or of a source that is gone.
bool move_refused(const Error& error);

}  // namespace weir::mount
