#pragma once
// Where an object's bytes lie, for a reader on the same machine: `weir mount` opens the blob file
// and hands it to the kernel, so that no byte is copied. Told in the reply to a HeadObject with
// `x-weir-blob: locate`, to peers on the loopback only:
//
//   x-weir-blob: boot=9f3c...; device=64768; inode=123; path=/var/lib/weir/blobs/...
//
// only where the object is one whole file as it is. `boot` is the kernel's boot id: a peer that has
// the same, and finds that inode of that device under the path (percent-encoded), has the file. It
// stays readable while it is open, whatever becomes of the object, and never changes.
//
// Plain functions; safe from any thread.

#include <optional>
#include <string>

#include "http/message.h"
#include "store/object_store.h"

namespace weir::s3 {

bool asks_for_blob(const http::RequestHead& head);

// The header's value; nullopt where there is no such file.
std::optional<std::string> locate_blob(const store::Body& body, std::uint64_t object_bytes);

inline constexpr std::string_view blob_header = "x-weir-blob";

}  // namespace weir::s3
