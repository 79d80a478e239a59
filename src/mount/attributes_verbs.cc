// getattr, readlink, the xattr verbs that read, statfs: what a node is.

#include <array>

#include "mount/file_system.h"

namespace weir::mount {
namespace {

constexpr std::string_view user_xattrs = "user.";
constexpr std::uint64_t block_bytes = 4 * KiB;           // of statfs and st_blocks' rounding
constexpr std::uint64_t told_bytes = 1024 * 1024 * TiB;  // how large a bucket looks: 1 EiB
constexpr std::uint64_t told_files = 1'000'000'000;
// Buffered readers ask for so much at a time.
constexpr blksize_t preferred_bytes = static_cast<blksize_t>(1 * MiB);

timespec time_of(UnixNanos time) {
    return {.tv_sec = static_cast<time_t>(time / nanos_per_second),
            .tv_nsec = static_cast<long>(time % nanos_per_second)};
}

}  // namespace

struct stat FileSystem::stat_of(const NodeInfo& node) const {
    if (node.draft) {
        NodeInfo written = node;
        written.attributes = node.draft->attributes();
        written.version.bytes = node.draft->size_bytes();
        written.draft = nullptr;
        return stat_of(written);
    }
    struct stat out = {};
    out.st_ino = node.id;
    out.st_mode = node.attributes.mode();
    // Hard links do not exist; find(1) reads 1 of a folder as "do not count on it".
    out.st_nlink = node.unlinked ? 0 : 1;
    out.st_uid = node.attributes.uid;
    out.st_gid = node.attributes.gid;
    const std::uint64_t bytes = node.folder() ? 0 : node.version.bytes;
    out.st_size = static_cast<off_t>(bytes);
    out.st_blocks = static_cast<blkcnt_t>((bytes + block_bytes - 1) / block_bytes * 8);
    out.st_blksize = preferred_bytes;
    out.st_mtim = out.st_atim = time_of(node.attributes.mtime);
    out.st_ctim = time_of(node.attributes.ctime);
    return out;
}

Answered FileSystem::answered(NodeInfo node, Freshness::Stamp stamp) const {
    Answered answered{.attributes = stat_of(node),
                      .believe = ground_.freshness.kernel_may_believe(stamp)};
    answered.node = std::move(node);
    return answered;
}

// As the tree has it, or as the store has it now where that was too long ago.
Result<FileSystem::Fresh> FileSystem::fresh(NodeId id, const client::Call& call) {
    TRY(NodeInfo node, ground_.tree.node(id));
    if (id == root_node || node.unlinked || node.draft)
        return Fresh{.node = std::move(node), .stamp = ground_.freshness.now()};
    const auto looked = ground_.listing.lookup(node.parent, node.name, call);
    if (!looked && info(looked.error().code()).http_status != 404)
        return std::unexpected(looked.error());
    // Its name is another node's, or nobody's: who has it open sees what he opened.
    if (!looked || looked->id != id) {
        TRY(node, ground_.tree.node(id));
        return Fresh{.node = std::move(node), .stamp = ground_.freshness.now()};
    }
    TRY(const auto known, ground_.tree.known(node.parent, node.name, ground_.freshness));
    return Fresh{.node = *looked, .stamp = known ? known->stamp : Freshness::Stamp{}};
}

Result<Answered> FileSystem::getattr(NodeId node, const client::Call& call) {
    TRY(Fresh found, fresh(node, call));
    return answered(std::move(found.node), found.stamp);
}

Result<std::string> FileSystem::readlink(NodeId id, const client::Call& call) {
    TRY(const NodeInfo node, ground_.tree.node(id));
    if (node.attributes.kind != Kind::symlink) return fail(Code::invalid_argument);
    if (node.version.bytes > symlink_bytes_max)
        return fail(Code::key_too_long, "the symlink's target is longer than a path may be");
    TRY(const std::shared_ptr<Content> content, ground_.contents.of(node));
    std::string target(static_cast<std::size_t>(node.version.bytes), '\0');
    TRY(const std::size_t bytes, content->read(0, std::as_writable_bytes(std::span(target)), call));
    target.resize(bytes);
    return target;
}

Result<std::string> FileSystem::getxattr(NodeId id, std::string_view name,
                                         const client::Call& call) {
    if (!name.starts_with(user_xattrs)) return fail(Code::not_supported);
    TRY(const Fresh found, fresh(id, call));
    const Xattrs xattrs =
        (found.node.draft ? found.node.draft->attributes() : found.node.attributes).xattrs;
    const auto value = xattrs.find(std::string(name));
    if (value == xattrs.end()) return fail(Code::no_attribute);
    return value->second;
}

Result<std::string> FileSystem::listxattr(NodeId id, const client::Call& call) {
    TRY(const Fresh found, fresh(id, call));
    std::string names;
    const Xattrs xattrs =
        (found.node.draft ? found.node.draft->attributes() : found.node.attributes).xattrs;
    for (const auto& [name, value] : xattrs) (names += name) += '\0';
    return names;
}

struct statvfs FileSystem::statfs() const {
    struct statvfs out = {};
    out.f_bsize = out.f_frsize = block_bytes;
    out.f_blocks = out.f_bfree = out.f_bavail = told_bytes / block_bytes;
    out.f_files = out.f_ffree = out.f_favail = told_files;
    out.f_namemax = name_bytes_max;
    return out;
}

}  // namespace weir::mount
