// open, write, flush, fsync and fallocate of files that are written.

#include <fcntl.h>
#include <linux/falloc.h>

#include <utility>

#include "mount/file_system.h"

namespace weir::mount {

FileSystem::FileSystem(const Ground& ground)
    : ground_(ground), open_files_(ground.limits.open_files_max) {
    ground_.drafts.on_settled([this](NodeId node, bool committed) { settled(node, committed); });
}

Result<void> FileSystem::check_writable() const {
    if (ground_.read_only) return fail(Code::read_only, "the mount is read-only");
    return {};
}

// A chmod of a file that the kernel reads by itself is over soon.
Result<void> FileSystem::await_no_draft(NodeId id, const client::Call& call) {
    constexpr std::chrono::milliseconds pause(10);
    constexpr int pauses_max = 1000;
    for (int i = 0; ground_.drafts.of(id); ++i) {
        if (i == pauses_max) return fail(Code::slow_down, "the file is being changed");
        if (const Result<void> done = ground_.drafts.commit(id, call); !done) {
            // Told as to whoever opens it, after which what is hopeless is given up.
            TRY(const std::shared_ptr<Draft> draft, ground_.drafts.open(id, Drafts::Use::reads));
            if (draft) ground_.drafts.close(id, *draft, Drafts::Use::reads);
            return done;
        }
        if (!net::sleep_unless({call.interrupt, nullptr}, pause)) return fail(Code::cancelled);
    }
    return {};
}

bool FileSystem::read_by_kernel(NodeId id) {
    const MutexLock lock(modes_mutex_);
    const auto found = modes_.find(id);
    return found != modes_.end() && found->second.passthrough > 0;
}

Result<void> FileSystem::leave_to_passthrough(const NodeInfo& node, const client::Call& call) {
    if (!read_by_kernel(node.id)) return {};
    while (true) {
        TRY_VOID(await_no_draft(node.id, call));
        const Result<NodeInfo> renewed = ground_.tree.renew(node.id);
        if (renewed) break;
        // Somebody began to change it just now.
        if (renewed.error().code() != Code::would_block) return fail(renewed.error());
    }
    ground_.kernel.forget_name(node.parent, node.name);
    return fail(Code::stale, "the file is another node now: look it up again");
}

Opened FileSystem::count_cached(NodeId id) {
    const MutexLock lock(modes_mutex_);
    ++modes_[id].cached;
    unread_.erase(id);
    return {.keep_cache = true};
}

void FileSystem::note_unread(NodeId id) {
    const MutexLock lock(modes_mutex_);
    unread_.insert(id);
}

void FileSystem::forget_pages(NodeId id) {
    {
        const MutexLock lock(modes_mutex_);
        if (unread_.contains(id)) return;
    }
    ground_.kernel.forget_pages(id, 0);
}

Result<std::shared_ptr<Draft>> FileSystem::open_draft(NodeId id, const client::Call& call,
                                                      Drafts::Use use) {
    constexpr int attempts_max = 10;
    for (int attempt = 0;; ++attempt) {
        Result<std::shared_ptr<Draft>> draft = ground_.drafts.open(id, use);
        if (draft || draft.error().code() != Code::would_block) return draft;
        // The journal told of it meanwhile, without its attributes.
        if (attempt == attempts_max) return fail(Code::slow_down, "it changes all the time");
        TRY(NodeInfo node, ground_.tree.node(id));
        TRY_VOID(ground_.listing.with_attributes(std::move(node), call));
    }
}

Result<Opened> FileSystem::open_draft_of(const NodeInfo& node, int flags, bool writes,
                                         const client::Call& call) {
    // Of what the kernel reads by itself no more than attributes are changed.
    if (!writes && read_by_kernel(node.id)) return open_to_read(node, flags, call);
    TRY_VOID(leave_to_passthrough(node, call));
    TRY(const std::shared_ptr<Draft> draft,
        open_draft(node.id, call, writes ? Drafts::Use::writes : Drafts::Use::reads));
    // It is over meanwhile.
    if (!draft) {
        TRY(const NodeInfo now, ground_.tree.node(node.id));
        return open_to_read(now, flags, call);
    }
    if ((flags & O_TRUNC) != 0 && draft->size_bytes() > 0)
        if (const Result<void> cut = draft->truncate(0); !cut) {
            ground_.drafts.close(node.id, *draft);
            return fail(cut.error());
        }
    return add_written(node, flags, draft, writes);
}

// Those who only write need not read pages first that they overwrite in part.
Result<Opened> FileSystem::add_written(const NodeInfo& node, int flags,
                                       const std::shared_ptr<Draft>& draft, bool commits) {
    const bool reads = (flags & O_ACCMODE) != O_WRONLY;
    Opened opened =
        reads ? count_cached(node.id) : Opened{.direct_io = true, .parallel_direct_writes = true};
    const OpenMode mode = reads ? OpenMode::cached : OpenMode::uncounted;
    const Result<FileHandle> handle = open_files_.add({.node = node.id,
                                                       .flags = flags,
                                                       .content = {},
                                                       .draft = draft,
                                                       .commits = commits,
                                                       .mode = mode});
    if (!handle) {
        count_release(node.id, mode);
        ground_.drafts.close(node.id, *draft, commits ? Drafts::Use::writes : Drafts::Use::reads);
        return fail(handle.error());
    }
    opened.handle = *handle;
    return opened;
}

void FileSystem::settled(NodeId id, bool committed) {
    for (const Tree::Replaced& replaced :
         committed ? ground_.tree.settle(id) : ground_.tree.distrust(id))
        ground_.kernel.forget_name(replaced.folder, replaced.name);
    renew_content(id);
    // Its node stayed, and its pages with it: those that were read before it was written, by who
    // still had the content before it, or by kernels before 6.6, which keep them beside direct
    // writes.
    forget_pages(id);
    const MutexLock lock(modes_mutex_);
    unread_.erase(id);
}

// Those who have it open read what the node is now, though it may lose its name.
void FileSystem::renew_content(NodeId id) {
    if (!ground_.contents.held(id) && !open_files_.any_of(id)) return;
    const Result<NodeInfo> node = ground_.tree.node(id);
    if (!node || node->unlinked) return;
    const Result<std::shared_ptr<Content>> content = ground_.contents.of(*node);
    if (content) open_files_.set_content(id, *content);
}

Result<void> FileSystem::write(FileHandle handle, std::uint64_t offset,
                               std::span<const std::byte> bytes) {
    TRY(const OpenFile file, open_files_.get(handle));
    if (!file.draft) return fail(Code::invalid_argument, "the file was opened to be read");
    return file.draft->write(offset, bytes);
}

Result<void> FileSystem::flush(FileHandle handle, const client::Call& call) {
    TRY(const OpenFile file, open_files_.get(handle));
    if (!file.commits) return {};
    TRY_VOID(ground_.drafts.flush(file.node, call));
    // Whoever opens it now finds the Draft, and pages of before: see settled().
    if (file.mode == OpenMode::uncounted) forget_pages(file.node);
    return {};
}

Result<void> FileSystem::fsync(FileHandle handle, const client::Call& call) {
    TRY(const OpenFile file, open_files_.get(handle));
    TRY_VOID(ground_.drafts.commit(file.node, call));
    if (file.mode == OpenMode::uncounted) forget_pages(file.node);
    return {};
}

Result<void> FileSystem::fallocate(FileHandle handle, int mode, std::uint64_t offset,
                                   std::uint64_t bytes) {
    constexpr int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    if ((mode & ~known) != 0) return fail(Code::not_supported);
    if (bytes > object_bytes_max || offset > object_bytes_max - bytes)
        return fail(Code::entity_too_large);
    TRY(const OpenFile file, open_files_.get(handle));
    if (!file.draft) return fail(Code::invalid_argument, "the file was opened to be read");
    const std::uint64_t end = offset + bytes;
    if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0)
        TRY_VOID(file.draft->zero({offset, end}));
    // Nothing is reserved: whether there is room is found out by writing.
    if ((mode & FALLOC_FL_KEEP_SIZE) != 0 || end <= file.draft->size_bytes()) return {};
    return file.draft->truncate(end);
}

}  // namespace weir::mount
