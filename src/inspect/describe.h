#pragma once
// What lies where, for whoever debugs: one version of an object with the blobs that hold it, one
// blob with the checksum rows and the users it has, the blobs of a store. As JSON, for `weir object
// stat`, `weir blob stat` and `weir blob ls`.
//
// Works on a store that nobody else uses or on a running server's own; reads only, and tells what
// it saw, which may have changed since. Blocking.

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "store/object_store.h"

namespace weir::inspect {

// Answers one of
//   {"what": "object", "bucket": NAME, "key": KEY, "version_id": ID, or left out for the current
//   one}
//   {"what": "blob", "blob": 32 hexadecimal digits}
//   {"what": "blobs", "from": 32 hexadecimal digits, or left out, "max": COUNT, or left out}
// invalid_argument for another question; the store's own errors for what is not there.
Result<nlohmann::json> describe(store::ObjectStore& store, const nlohmann::json& question);

}  // namespace weir::inspect
