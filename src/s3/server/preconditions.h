#pragma once
// The conditional headers of a request as the store's Precondition, which judges the object at the
// moment of the commit. The rules themselves are s3/proto/conditions.h. Pure; safe from any thread.

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "meta/records.pb.h"
#include "s3/proto/conditions.h"
#include "store/object_store.h"

namespace weir::s3 {

// If-Match and If-None-Match of PutObject, CopyObject, CompleteMultipartUpload. Null where the
// request has neither.
store::Precondition write_precondition(const std::optional<std::string>& if_match,
                                       const std::optional<std::string>& if_none_match);

// If-Match, x-amz-if-match-last-modified-time and x-amz-if-match-size of DeleteObject and
// DeleteObjects.
store::Precondition delete_precondition(const std::optional<std::string>& if_match,
                                        const std::optional<UnixNanos>& last_modified,
                                        const std::optional<std::int64_t>& size);

// x-amz-copy-source-if-*, x-amz-rename-source-if-*: 412 whichever fails.
store::Precondition source_precondition(const std::optional<std::string>& if_match,
                                        const std::optional<std::string>& if_none_match,
                                        const std::optional<UnixNanos>& if_modified_since,
                                        const std::optional<UnixNanos>& if_unmodified_since);

// The four of RenameObject's target.
store::Precondition rename_target_precondition(const std::optional<std::string>& if_match,
                                               const std::optional<std::string>& if_none_match,
                                               const std::optional<UnixNanos>& if_modified_since,
                                               const std::optional<UnixNanos>& if_unmodified_since);

ObjectState state_of(const meta::ObjectRecord& record);

}  // namespace weir::s3
