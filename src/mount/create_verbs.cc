// create, mknod, mkdir, symlink.

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "mount/draft_description.h"
#include "mount/file_system.h"

namespace weir::mount {
namespace {

constexpr mode_t permission_bits = 07777;

}  // namespace

// The kernel leaves to us what a folder's set-group-ID means: its group is that of what is made in
// it, and folders get the bit too.
Result<Attributes> FileSystem::new_attributes(NodeId folder, Kind kind, mode_t mode,
                                              const Owner& owner, const client::Call& call) {
    TRY(NodeInfo parent, ground_.tree.node(folder));
    TRY(parent, ground_.listing.with_attributes(std::move(parent), call));
    const bool inherits = (parent.attributes.permissions & S_ISGID) != 0;
    if (inherits && kind == Kind::folder) mode |= S_ISGID;
    const UnixNanos now = ground_.clock.now();
    return Attributes{.kind = kind,
                      .permissions = static_cast<std::uint16_t>(mode & permission_bits),
                      .uid = owner.uid,
                      .gid = inherits ? parent.attributes.gid : owner.gid,
                      .mtime = now,
                      .ctime = now};
}

Result<std::string> FileSystem::new_key(NodeId folder, std::string_view name, bool of_folder,
                                        const client::Call& call) {
    TRY_VOID(check_writable());
    if (name.size() > name_bytes_max) return fail(Code::key_too_long);
    const Result<NodeInfo> found = ground_.listing.lookup(folder, name, call);
    if (found) return fail(Code::already_exists);
    if (found.error().code() != Code::no_such_key) return fail(found.error());
    TRY(const std::string path, ground_.tree.path(folder));
    std::string key = ground_.store.folder_key(path).append(name);
    if (of_folder) key += '/';
    if (key.size() > key_bytes_max) return fail(Code::key_too_long);
    return key;
}

Result<ObjectVersion> FileSystem::put_new(const std::string& key, const Attributes& attributes,
                                          std::string_view body, const client::Call& call) {
    TRY(client::ObjectHeaders headers, object_headers({.attributes = attributes}));
    Result<client::PutObjectReply> put =
        ground_.store.client.put_object({.bucket = ground_.store.bucket,
                                         .key = key,
                                         .headers = std::move(headers),
                                         .conditions = {.if_absent = true}},
                                        client::Source(std::as_bytes(std::span(body))), call);
    if (!put && put.error().code() == Code::precondition_failed) return fail(Code::already_exists);
    if (!put) return fail(put.error());
    return ObjectVersion{.etag = std::move(put->etag),
                         .version_id = std::move(put->version_id),
                         .bytes = body.size()};
}

Result<Answered> FileSystem::made(NodeId folder, Child child) {
    TRY(NodeInfo node, ground_.tree.add(folder, std::move(child)));
    TRY_VOID(ground_.tree.looked_up(node.id));
    return answered(std::move(node), ground_.freshness.now());
}

Result<FileSystem::Created> FileSystem::create(NodeId folder, std::string_view name, mode_t mode,
                                               int flags, const Owner& owner,
                                               const client::Call& call) {
    const Result<std::string> key = new_key(folder, name, false, call);
    if (!key && key.error().code() == Code::already_exists && (flags & O_EXCL) == 0) {
        // Made by somebody else since the kernel looked.
        TRY(const NodeInfo found, ground_.listing.lookup(folder, name, call));
        TRY(const Opened opened, open(found.id, flags, call));
        TRY_VOID(ground_.tree.looked_up(found.id));
        return Created{.file = answered(found, ground_.freshness.now()), .opened = opened};
    }
    if (!key) return fail(key.error());
    DraftStart start{.key = *key};
    TRY(start.metadata.attributes, new_attributes(folder, Kind::file, mode, owner, call));
    Child child{.name = std::string(name), .attributes = start.metadata.attributes};
    if ((flags & O_EXCL) != 0 && !ground_.drafts.async_close()) {
        TRY(child.version, put_new(*key, start.metadata.attributes, "", call));
        start.base = child.version;
        start.placeholder = true;
    }
    TRY(const NodeInfo node, ground_.tree.add(folder, std::move(child)));
    TRY(std::shared_ptr<Draft> draft, ground_.drafts.open_new(node, std::move(start)));
    TRY(const Opened opened, add_written(node, flags, draft, true));
    // Nobody else knows it: the kernel holds the folder's lock until it has the answer.
    if (opened.direct_io) note_unread(node.id);
    TRY_VOID(ground_.tree.looked_up(node.id));
    return Created{.file = answered(node, ground_.freshness.now()), .opened = opened};
}

Result<Answered> FileSystem::mknod(NodeId folder, std::string_view name, mode_t mode,
                                   const Owner& owner, const client::Call& call) {
    TRY(const std::string key, new_key(folder, name, false, call));
    TRY(const Attributes attributes, new_attributes(folder, Kind::file, mode, owner, call));
    TRY(ObjectVersion version, put_new(key, attributes, "", call));
    return made(
        folder,
        {.name = std::string(name), .attributes = attributes, .version = std::move(version)});
}

Result<Answered> FileSystem::mkdir(NodeId folder, std::string_view name, mode_t mode,
                                   const Owner& owner, const client::Call& call) {
    TRY(const std::string key, new_key(folder, name, true, call));
    TRY(const Attributes attributes, new_attributes(folder, Kind::folder, mode, owner, call));
    TRY(ObjectVersion version, put_new(key, attributes, "", call));
    return made(
        folder,
        {.name = std::string(name), .attributes = attributes, .version = std::move(version)});
}

Result<Answered> FileSystem::symlink(NodeId folder, std::string_view name, std::string_view target,
                                     const Owner& owner, const client::Call& call) {
    TRY(const std::string key, new_key(folder, name, false, call));
    if (target.size() > symlink_bytes_max) return fail(Code::key_too_long);
    TRY(const Attributes attributes, new_attributes(folder, Kind::symlink, 0777, owner, call));
    TRY(ObjectVersion version, put_new(key, attributes, target, call));
    return made(
        folder,
        {.name = std::string(name), .attributes = attributes, .version = std::move(version)});
}

}  // namespace weir::mount
