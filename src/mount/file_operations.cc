// Replies about open files.

#include <algorithm>
#include <cerrno>

#include "mount/errno.h"
#include "mount/operations.h"
#include "mount/wire.h"

namespace weir::mount {
namespace {

void open(fuse_req_t request, fuse_ino_t node, fuse_file_info* file) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto opened = answers.file_system->open(node, file->flags, answering.call());
    answering.done();
    if (!opened) return reply_error(request, opened.error());
    reply_open(request, *opened);
}

void read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* file) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const io::Buffer buffer = answers.read_buffers.try_acquire();
    if (!buffer) {
        answering.done();
        return reply_error(request, Error(Code::slow_down));
    }
    const auto out = buffer.bytes().first(std::min(size, buffer.bytes().size()));
    const auto bytes = answers.file_system->read(file->fh, static_cast<std::uint64_t>(offset), out,
                                                 answering.call());
    answering.done();
    if (!bytes) return reply_error(request, bytes.error());
    fuse_reply_buf(request, reinterpret_cast<const char*>(out.data()), *bytes);
}

void lseek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* file) {
    const auto at = answers_of(request).file_system->lseek(
        file->fh, static_cast<std::uint64_t>(offset), whence);
    if (!at) return reply_error(request, at.error());
    fuse_reply_lseek(request, static_cast<off_t>(*at));
}

void release(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    const auto released = answers_of(request).file_system->release(file->fh);
    fuse_reply_err(request, released ? 0 : errno_of(released.error()));
}

}  // namespace

namespace {

wire::OpenOut open_out(const Opened& opened) {
    wire::OpenOut out{.handle = opened.handle, .open_flags = 0, .backing_id = opened.backing};
    if (opened.direct_io) out.open_flags |= wire::open_direct_io;
    if (opened.no_flush) out.open_flags |= wire::open_no_flush;
    if (opened.parallel_direct_writes) out.open_flags |= wire::open_parallel_direct_writes;
    if (opened.backing != 0) {
        out.open_flags |= wire::open_passthrough;
    } else if (opened.keep_cache) {
        out.open_flags |= wire::open_keep_cache;
    }
    return out;
}

}  // namespace

void reply_create(fuse_req_t request, const FileSystem::Created& created) {
    Answers& answers = answers_of(request);
    const fuse_entry_param entry = entry_of(created.file);
    fuse_file_info file{};
    file.fh = created.opened.handle;
    file.direct_io = created.opened.direct_io;
    file.keep_cache = created.opened.keep_cache;
    // libfuse 3.14 cannot say parallel_direct_writes here: writes of this one take turns.
    if (fuse_reply_create(request, &entry, &file) == 0) return;
    answers.file_system->forget(entry.ino, 1);
    const auto released = answers.file_system->release(created.opened.handle);
    if (!released) answers.log.warn("a file was not released: {}", released.error().describe());
}

void reply_open(fuse_req_t request, const Opened& opened) {
    Answers& answers = answers_of(request);
    const wire::OpenOut out = open_out(opened);
    if (fuse_reply_buf(request, reinterpret_cast<const char*>(&out), sizeof(out)) == 0) return;
    const auto released = answers.file_system->release(opened.handle);
    if (!released) answers.log.warn("a file was not released: {}", released.error().describe());
}

void add_file_operations(fuse_lowlevel_ops& operations) {
    operations.open = open;
    operations.read = read;
    operations.lseek = lseek;
    operations.release = release;
}

}  // namespace weir::mount
