// setattr, setxattr, removexattr.

#include <sys/xattr.h>

#include <utility>

#include "mount/draft_description.h"
#include "mount/file_system.h"

namespace weir::mount {
namespace {

constexpr std::string_view user_xattrs = "user.";

}  // namespace

Result<void> FileSystem::change_attributes(NodeId id,
                                           const std::function<void(DraftMetadata&)>& change,
                                           std::optional<std::uint64_t> bytes,
                                           const client::Call& call) {
    TRY_VOID(check_writable());
    TRY(const Fresh found, fresh(id, call));
    const NodeInfo& node = found.node;
    DraftMetadata changed{.attributes = node.draft ? node.draft->attributes() : node.attributes};
    change(changed);
    // More than S3 takes is refused here, not when the file is closed.
    TRY_VOID(object_headers(changed));
    if (node.folder()) {
        if (bytes) return fail(Code::is_a_folder);
        return put_marker(node, changed.attributes, call);
    }
    if (bytes) TRY_VOID(leave_to_passthrough(node, call));
    if (node.unlinked && !node.draft) return ground_.tree.set_attributes(id, changed.attributes);
    TRY(const std::shared_ptr<Draft> draft, open_draft(id, call));
    const bool committed = !draft->changed();
    Result<void> done = bytes ? draft->truncate(*bytes) : Result<void>();
    if (done) draft->change_metadata(change);
    // Whoever writes it commits it with his close(2). That may be over: his release comes later.
    if (done && (committed || !open_files_.any_commits(id))) done = ground_.drafts.flush(id, call);
    ground_.drafts.close(id, *draft);
    return done;
}

Result<Answered> FileSystem::setattr(NodeId id, const Change& change, const client::Call& call) {
    const UnixNanos now = ground_.clock.now();
    const auto apply = [&](DraftMetadata& metadata) {
        Attributes& attributes = metadata.attributes;
        if (change.permissions) attributes.permissions = *change.permissions;
        if (change.uid) attributes.uid = *change.uid;
        if (change.gid) attributes.gid = *change.gid;
        if (change.mtime) {
            attributes.mtime = *change.mtime;
            metadata.mtime_given = true;
        }
        attributes.ctime = now;
    };
    const bool changes = change.permissions || change.uid || change.gid || change.mtime;
    if (changes || change.bytes)
        TRY_VOID(change_attributes(
            id, changes ? std::function<void(DraftMetadata&)>(apply) : [](DraftMetadata&) {},
            change.bytes, call));
    return getattr(id, call);
}

Result<void> FileSystem::setxattr(NodeId id, std::string_view name, std::string_view value,
                                  int flags, const client::Call& call) {
    if (!name.starts_with(user_xattrs)) return fail(Code::not_supported);
    const Result<std::string> before = getxattr(id, name, call);
    if (!before && before.error().code() != Code::no_attribute) return fail(before.error());
    if (before && (flags & XATTR_CREATE) != 0) return fail(Code::already_exists);
    if (!before && (flags & XATTR_REPLACE) != 0) return fail(Code::no_attribute);
    const UnixNanos now = ground_.clock.now();
    return change_attributes(
        id,
        [&](DraftMetadata& metadata) {
            metadata.attributes.xattrs.insert_or_assign(std::string(name), std::string(value));
            metadata.attributes.ctime = now;
        },
        {}, call);
}

Result<void> FileSystem::removexattr(NodeId id, std::string_view name, const client::Call& call) {
    if (!name.starts_with(user_xattrs)) return fail(Code::not_supported);
    TRY_VOID(getxattr(id, name, call));
    const UnixNanos now = ground_.clock.now();
    return change_attributes(
        id,
        [&](DraftMetadata& metadata) {
            metadata.attributes.xattrs.erase(std::string(name));
            metadata.attributes.ctime = now;
        },
        {}, call);
}

}  // namespace weir::mount
