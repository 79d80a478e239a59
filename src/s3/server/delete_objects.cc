#include <fmt/format.h>

#include "base/limits.h"
#include "s3/proto/model_object.h"
#include "s3/proto/names.h"
#include "s3/server/preconditions.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

Result<store::RemoveRequest> to_request(const ObjectIdentifier& object) {
    TRY_VOID(check_object_key(object.key));
    store::RemoveRequest request{.key = object.key, .version = {}, .precondition = {}};
    if (object.version_id && !object.version_id->empty()) {
        request.version = meta::parse_version_id(*object.version_id);
        if (!request.version) return fail(Code::no_such_version);
    }
    request.precondition = delete_precondition(object.etag, object.last_modified_time, object.size);
    return request;
}

DeletedObject to_deleted(const ObjectIdentifier& object, const store::KeyChange::Removed& removed) {
    DeletedObject deleted;
    deleted.key = object.key;
    if (object.version_id && !object.version_id->empty()) deleted.version_id = object.version_id;
    if (removed.delete_marker) {
        deleted.delete_marker = true;
        deleted.delete_marker_version_id = removed.version_id;
    }
    return deleted;
}

DeleteError to_error(const ObjectIdentifier& object, const Error& error) {
    DeleteError shown;
    shown.key = object.key;
    shown.version_id = object.version_id;
    shown.code = std::string(info(error.code()).s3_code);
    shown.message = std::string(error.message());
    return shown;
}

}  // namespace

Result<Reply> delete_objects(const Call& call) {
    TRY(const DeleteObjectsRequest request, parse<DeleteObjectsRequest>(call.view, call.body));
    TRY(const store::Bucket bucket, own_bucket(call, request));
    const std::vector<ObjectIdentifier>& objects = request.deletion.objects;
    if (objects.empty() || objects.size() > delete_objects_keys_max)
        return fail(Code::malformed_xml, fmt::format("A Delete names between 1 and {} objects",
                                                     delete_objects_keys_max));
    std::vector<store::RemoveRequest> removes;
    std::vector<std::size_t> places;
    std::vector<Result<store::KeyChange::Removed>> outcomes(objects.size(),
                                                            store::KeyChange::Removed());
    for (std::size_t i = 0; i < objects.size(); ++i) {
        Result<store::RemoveRequest> remove = to_request(objects[i]);
        if (remove) {
            removes.push_back(*std::move(remove));
            places.push_back(i);
        } else if (remove.error().code() != Code::no_such_version) {
            outcomes[i] = fail(std::move(remove).error());
        }
    }
    std::vector<Result<store::KeyChange::Removed>> removed =
        call.store.remove_many(bucket, removes);
    for (std::size_t k = 0; k < places.size(); ++k) outcomes[places[k]] = std::move(removed[k]);

    DeleteObjectsReply message;
    const bool quiet = request.deletion.quiet.value_or(false);
    for (std::size_t i = 0; i < objects.size(); ++i) {
        if (!outcomes[i]) {
            message.errors.push_back(to_error(objects[i], outcomes[i].error()));
        } else if (!quiet) {
            message.deleted.push_back(to_deleted(objects[i], *outcomes[i]));
        }
    }
    Reply reply;
    write(message, reply);
    return reply;
}

}  // namespace weir::s3
