#pragma once
// What lies beside the bytes of a file that is being written, so that another process can make it
// an object after a crash: its key, the version it began from, its metadata. And the metadata of
// the object that it becomes.
//
// Pure functions; safe from any thread. corrupt for a description that is none of a mount's.

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "cache/write_files.h"
#include "client/requests.h"
#include "mount/draft.h"

namespace weir::mount {

struct DraftDescription {
    std::string endpoint = {};
    std::string bucket = {};
    std::string key = {};
    std::optional<ObjectVersion> base = {};
    std::uint64_t base_valid_bytes = 0;  // holes of the file below this are the base's bytes
    std::string replaces = {};           // the ETag of what gives way
    std::string moving_to = {};  // it is being renamed: its object has the one key or the other
    bool removing = false;       // it is being removed: unwanted once its object is not there
    std::string problem = {};    // why the store does not have it
    DraftMetadata metadata = {};
    UnixNanos created_at = 0;
};

Result<cache::WriteInfo> write_info(const DraftDescription& description);
Result<DraftDescription> read_description(const cache::WriteInfo& info);

// Of an object that is put at once. no_space if it is more than S3 takes.
Result<client::ObjectHeaders> object_headers(const DraftMetadata& metadata);
// Of an upload that begins before the file is written: a time of its last write would be wrong, and
// the object's own is near it.
Result<client::ObjectHeaders> upload_headers(const DraftMetadata& metadata);

}  // namespace weir::mount
