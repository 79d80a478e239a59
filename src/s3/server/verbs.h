#pragma once
// Every verb that is a plain function: one file each, named like the operation. docs/HACKING.md
// shows where a new one goes. They may block, so they run on the blocking pool.

#include "s3/proto/operations.h"
#include "s3/server/call.h"

namespace weir::s3 {

using Verb = Result<Reply> (*)(const Call& call);

// nullptr: the operation is served by a coroutine (service.cc) or not at all.
Verb verb_of(Operation operation);

// Whether the request's body is XML to be read before the verb runs.
bool has_xml_body(Operation operation);

Result<Reply> list_buckets(const Call& call);
Result<Reply> create_bucket(const Call& call);
Result<Reply> head_bucket(const Call& call);
Result<Reply> delete_bucket(const Call& call);
Result<Reply> get_bucket_location(const Call& call);
Result<Reply> get_bucket_versioning(const Call& call);
Result<Reply> put_bucket_versioning(const Call& call);

Result<Reply> list_objects(const Call& call);
Result<Reply> list_objects_v2(const Call& call);
Result<Reply> list_object_versions(const Call& call);

Result<Reply> delete_object(const Call& call);
Result<Reply> delete_objects(const Call& call);
Result<Reply> copy_object(const Call& call);
Result<Reply> rename_object(const Call& call);
Result<Reply> get_object_attributes(const Call& call);

Result<Reply> create_multipart_upload(const Call& call);
Result<Reply> upload_part_copy(const Call& call);
Result<Reply> complete_multipart_upload(const Call& call);
Result<Reply> abort_multipart_upload(const Call& call);
Result<Reply> list_parts(const Call& call);
Result<Reply> list_multipart_uploads(const Call& call);

}  // namespace weir::s3
