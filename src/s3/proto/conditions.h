#pragma once
// The conditional headers: RFC 9110 section 13 with S3's own verdicts, over an object as it is now.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
//
// Pure functions; safe from any thread. Views belong to the request and need to live as long as the
// call. Dates in headers have whole seconds, so times of objects are compared without their
// fraction.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace weir::s3 {

struct ObjectState {
    std::string_view etag = {};  // without quotes; empty for a delete marker
    UnixNanos last_modified = 0;
    std::uint64_t size_bytes = 0;
    bool delete_marker = false;
};

struct Conditions {
    std::optional<std::string_view> if_match = {};
    std::optional<std::string_view> if_none_match = {};
    std::optional<UnixNanos> if_modified_since = {};
    std::optional<UnixNanos> if_unmodified_since = {};
};

// GET and HEAD of an object that exists: precondition_failed or not_modified. If-Match overrides
// If-Unmodified-Since, If-None-Match overrides If-Modified-Since.
Result<void> check_read(const Conditions& conditions, const ObjectState& object);

// x-amz-copy-source-if-* and x-amz-rename-source-if-*: the same, but always precondition_failed.
Result<void> check_copy_source(const Conditions& conditions, const ObjectState& source);

// What is about to be replaced (nullptr: nothing is there; a delete marker counts as nothing).
// If-Match without an object is no_such_key, other refusals are precondition_failed. Dates judge
// what is there only.
Result<void> check_write(const Conditions& conditions, const ObjectState* current);

struct DeleteConditions {
    std::optional<std::string_view> if_match = {};
    std::optional<UnixNanos> if_match_last_modified_time = {};
    std::optional<std::int64_t> if_match_size = {};
};

// What is about to go (nullptr: nothing, which nobody minds; a delete marker matches `*` only).
Result<void> check_delete(const DeleteConditions& conditions, const ObjectState* current);

// Does an If-Match or If-None-Match value name `etag`? Quotes are optional in what clients send; a
// weak tag matches only where `weak` allows it.
bool names_etag(std::string_view header, std::string_view etag, bool weak);

}  // namespace weir::s3
