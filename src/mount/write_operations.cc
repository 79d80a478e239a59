// Replies about what makes, changes and removes.

#include <cerrno>
#include <chrono>

#include "mount/errno.h"
#include "mount/operations.h"
#include "mount/wire.h"

namespace weir::mount {
namespace {

Owner owner_of(fuse_req_t request) {
    const fuse_ctx* context = fuse_req_ctx(request);
    return {.uid = context->uid, .gid = context->gid};
}

void reply(fuse_req_t request, const Result<void>& done) {
    if (!done) return reply_error(request, done.error());
    fuse_reply_err(request, 0);
}

void reply_made(fuse_req_t request, const Result<Answered>& made) {
    if (!made) return reply_error(request, made.error());
    FileSystem& file_system = *answers_of(request).file_system;  // the request goes with the reply
    const fuse_entry_param entry = entry_of(*made);
    if (fuse_reply_entry(request, &entry) != 0) file_system.forget(entry.ino, 1);
}

void create(fuse_req_t request, fuse_ino_t folder, const char* name, mode_t mode,
            fuse_file_info* file) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto created = answers.file_system->create(folder, name, mode, file->flags,
                                                     owner_of(request), answering.call());
    answering.done();
    if (!created) return reply_error(request, created.error());
    reply_create(request, *created);
}

void mkdir(fuse_req_t request, fuse_ino_t folder, const char* name, mode_t mode) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto made =
        answers.file_system->mkdir(folder, name, mode, owner_of(request), answering.call());
    answering.done();
    reply_made(request, made);
}

void symlink(fuse_req_t request, const char* target, fuse_ino_t folder, const char* name) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto made =
        answers.file_system->symlink(folder, name, target, owner_of(request), answering.call());
    answering.done();
    reply_made(request, made);
}

// Files only: a bucket has no devices.
void mknod(fuse_req_t request, fuse_ino_t folder, const char* name, mode_t mode, dev_t) {
    if (!S_ISREG(mode)) return reply_error(request, Error(Code::not_permitted));
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto made =
        answers.file_system->mknod(folder, name, mode, owner_of(request), answering.call());
    answering.done();
    reply_made(request, made);
}

void link(fuse_req_t request, fuse_ino_t, fuse_ino_t, const char*) {
    reply_error(request, Error(Code::not_supported));
}

void unlink(fuse_req_t request, fuse_ino_t folder, const char* name) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto done = answers.file_system->unlink(folder, name, answering.call());
    answering.done();
    reply(request, done);
}

void rmdir(fuse_req_t request, fuse_ino_t folder, const char* name) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto done = answers.file_system->rmdir(folder, name, answering.call());
    answering.done();
    reply(request, done);
}

void rename(fuse_req_t request, fuse_ino_t folder, const char* name, fuse_ino_t to_folder,
            const char* to_name, unsigned flags) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto done =
        answers.file_system->rename(folder, name, to_folder, to_name, flags, answering.call());
    answering.done();
    reply(request, done);
}

void write(fuse_req_t request, fuse_ino_t, const char* bytes, std::size_t size, off_t offset,
           fuse_file_info* file) {
    const auto done = answers_of(request).file_system->write(
        file->fh, static_cast<std::uint64_t>(offset), std::as_bytes(std::span(bytes, size)));
    if (!done) return reply_error(request, done.error());
    fuse_reply_write(request, size);
}

void flush(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto done = answers.file_system->flush(file->fh, answering.call());
    answering.done();
    reply(request, done);
}

void fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* file) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto done = answers.file_system->fsync(file->fh, answering.call());
    answering.done();
    reply(request, done);
}

// What makes and removes names is in the store when it returns, but for files that were closed with
// --async-close: docs/MOUNT.md says that this is no barrier for them.
void fsyncdir(fuse_req_t request, fuse_ino_t, int, fuse_file_info*) { fuse_reply_err(request, 0); }

void fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length,
               fuse_file_info* file) {
    reply(request, answers_of(request).file_system->fallocate(file->fh, mode,
                                                              static_cast<std::uint64_t>(offset),
                                                              static_cast<std::uint64_t>(length)));
}

UnixNanos nanos_of(const timespec& time) {
    if (time.tv_sec < 0) return 0;  // before the epoch, which no object tells
    return static_cast<UnixNanos>(time.tv_sec) * nanos_per_second +
           static_cast<UnixNanos>(time.tv_nsec);
}

void setattr(fuse_req_t request, fuse_ino_t node, struct stat* wanted, int which, fuse_file_info*) {
    Answers& answers = answers_of(request);
    FileSystem::Change change;
    if ((which & FUSE_SET_ATTR_MODE) != 0)
        change.permissions = static_cast<std::uint16_t>(wanted->st_mode & 07777);
    if ((which & FUSE_SET_ATTR_UID) != 0) change.uid = wanted->st_uid;
    if ((which & FUSE_SET_ATTR_GID) != 0) change.gid = wanted->st_gid;
    if ((which & FUSE_SET_ATTR_SIZE) != 0)
        change.bytes = static_cast<std::uint64_t>(wanted->st_size);
    if ((which & FUSE_SET_ATTR_MTIME_NOW) != 0)
        change.mtime = answers.file_system->now();
    else if ((which & FUSE_SET_ATTR_MTIME) != 0)
        change.mtime = nanos_of(wanted->st_mtim);
    Answering answering(answers.interrupts, request);
    const auto answered = answers.file_system->setattr(node, change, answering.call());
    answering.done();
    if (!answered) return reply_error(request, answered.error());
    fuse_reply_attr(request, &answered->attributes,
                    std::chrono::duration<double>(answered->believe).count());
}

void setxattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value,
              std::size_t size, int flags) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto done =
        answers.file_system->setxattr(node, name, {value, size}, flags, answering.call());
    answering.done();
    reply(request, done);
}

void removexattr(fuse_req_t request, fuse_ino_t node, const char* name) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto done = answers.file_system->removexattr(node, name, answering.call());
    answering.done();
    reply(request, done);
}

}  // namespace

void add_write_operations(fuse_lowlevel_ops& operations) {
    operations.create = create;
    operations.mkdir = mkdir;
    operations.mknod = mknod;
    operations.symlink = symlink;
    operations.link = link;
    operations.unlink = unlink;
    operations.rmdir = rmdir;
    operations.rename = rename;
    operations.write = write;
    operations.flush = flush;
    operations.fsync = fsync;
    operations.fsyncdir = fsyncdir;
    operations.fallocate = fallocate;
    operations.setattr = setattr;
    operations.setxattr = setxattr;
    operations.removexattr = removexattr;
}

}  // namespace weir::mount
