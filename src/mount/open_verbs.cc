// open, read, lseek and release of files that are read.

#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "mount/file_system.h"
#include "mount/weights.h"

namespace weir::mount {

Result<Opened> FileSystem::open(NodeId id, int flags, const client::Call& call) {
    const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
    if (writes) TRY_VOID(check_writable());
    TRY(const Fresh found, fresh(id, call));
    if (found.node.folder()) return fail(Code::is_a_folder);
    if (writes || found.node.draft) return open_draft_of(found.node, flags, writes, call);
    return open_to_read(found.node, flags, call);
}

Result<Opened> FileSystem::open_to_read(const NodeInfo& node, int flags, const client::Call& call) {
    TRY(std::shared_ptr<Content> content, ground_.contents.of(node));
    content->look_for_blob(call);
    ground_.fetcher.opened(node, content);
    if (ground_.kernel.passthrough() && is_weights(node.name))
        ground_.fetcher.wait_complete(content, call);
    Opened opened = count_open(node.id, *content);
    Result<FileHandle> handle =
        open_files_.add({.node = node.id,
                         .flags = flags,
                         .content = std::move(content),
                         .mode = opened.backing != 0 ? OpenMode::passthrough : OpenMode::cached});
    if (!handle) {
        count_release(node.id, opened.backing != 0 ? OpenMode::passthrough : OpenMode::cached);
        return std::unexpected(handle.error());
    }
    opened.handle = *handle;
    opened.no_flush = true;
    return opened;
}

Opened FileSystem::count_open(NodeId id, const Content& content) {
    const MutexLock lock(modes_mutex_);
    unread_.erase(id);
    KernelMode& mode = modes_[id];
    // Handing a small file over, and taking it back, costs more than reading it once.
    const bool large = content.bytes() > ground_.limits.small_file_bytes_max;
    if (mode.passthrough == 0 && mode.cached == 0 && large && ground_.kernel.passthrough() &&
        content.complete() && !ground_.drafts.of(id)) {
        const Result<int> descriptor = content.descriptor();
        if (descriptor) mode.backing = ground_.kernel.open_backing(*descriptor);
    }
    if (mode.backing != 0) {
        ++mode.passthrough;
        ++passthrough_opens_;
        return {.backing = mode.backing};
    }
    ++mode.cached;
    // A node is one version, so what the kernel kept of it is right.
    return {.keep_cache = true};
}

void FileSystem::count_release(NodeId id, OpenMode how) {
    if (how == OpenMode::uncounted) return;
    const MutexLock lock(modes_mutex_);
    const auto found = modes_.find(id);
    CHECK(found != modes_.end());
    KernelMode& mode = found->second;
    std::size_t& count = how == OpenMode::passthrough ? mode.passthrough : mode.cached;
    CHECK(count > 0);
    --count;
    if (mode.passthrough == 0 && mode.backing != 0) {
        ground_.kernel.close_backing(mode.backing);
        mode.backing = 0;
    }
    if (mode.passthrough == 0 && mode.cached == 0) modes_.erase(found);
}

Result<std::size_t> FileSystem::read(FileHandle handle, std::uint64_t offset,
                                     std::span<std::byte> out, const client::Call& call) {
    const Result<std::size_t> got = read_once(handle, offset, out, call);
    if (got || got.error().code() != Code::stale) return got;
    // This mount itself may have committed another version meanwhile, of which the reader knows
    // when that has ended.
    TRY(const OpenFile file, open_files_.get(handle));
    if (const std::shared_ptr<Draft> draft = ground_.drafts.of(file.node)) draft->await_commit();
    return read_once(handle, offset, out, call);
}

Result<std::size_t> FileSystem::read_once(FileHandle handle, std::uint64_t offset,
                                          std::span<std::byte> out, const client::Call& call) {
    TRY(const OpenFile file, open_files_.get(handle));
    if (const std::shared_ptr<Draft> draft = ground_.drafts.of(file.node))
        return draft->read(offset, out);
    std::shared_ptr<Content> content = file.content;
    if (!content) {
        // It was opened while it was written, which has ended.
        TRY(const NodeInfo node, ground_.tree.node(file.node));
        TRY(content, ground_.contents.of(node));
        content = open_files_.content_of(handle, content);
    }
    ground_.fetcher.reads(file.node, content, offset, out.size());
    const bool hit = content->present(offset, out.size());
    TRY(const std::size_t bytes, content->read(offset, out, call));
    (hit ? hit_bytes_ : missed_bytes_) += bytes;
    return bytes;
}

Result<std::uint64_t> FileSystem::lseek(FileHandle handle, std::uint64_t offset, int whence) {
    TRY(const OpenFile file, open_files_.get(handle));
    const std::shared_ptr<Draft> draft = ground_.drafts.of(file.node);
    TRY(const NodeInfo node, ground_.tree.node(file.node));
    const std::uint64_t bytes = draft          ? draft->size_bytes()
                                : file.content ? file.content->bytes()
                                               : node.version.bytes;
    if (offset >= bytes) return fail(Code::no_such_offset);
    if (whence == SEEK_DATA) return offset;
    if (whence == SEEK_HOLE) return bytes;
    return fail(Code::invalid_argument);
}

Result<void> FileSystem::release(FileHandle handle) {
    TRY(const OpenFile file, open_files_.take(handle));
    count_release(file.node, file.mode);
    if (file.draft)
        ground_.drafts.close(file.node, *file.draft,
                             file.commits ? Drafts::Use::writes : Drafts::Use::reads);
    if (!open_files_.any_of(file.node)) ground_.fetcher.closed(file.node);
    return {};
}

FileSystem::Counts FileSystem::counts() const {
    return {.open_files = open_files_.count(),
            .hit_bytes = hit_bytes_,
            .missed_bytes = missed_bytes_,
            .passthrough_opens = passthrough_opens_};
}

}  // namespace weir::mount
