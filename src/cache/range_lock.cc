#include "cache/range_lock.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "base/check.h"

namespace weir::cache {
namespace {

struct flock range(short type, std::uint64_t byte) {
    struct flock lock{};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(byte);
    lock.l_len = 1;
    return lock;
}

short type_of(LockKind kind) { return kind == LockKind::shared ? F_RDLCK : F_WRLCK; }

Error failed(const File& file) {
    return errno_error(fmt::format("locking {}", file.name()), errno);
}

}  // namespace

Result<bool> try_lock(const File& file, LockKind kind, std::uint64_t byte) {
    struct flock lock = range(type_of(kind), byte);
    while (::fcntl(file.descriptor(), F_OFD_SETLK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES) return false;
        if (errno != EINTR) return fail(failed(file));
    }
    return true;
}

Result<void> wait_lock(const File& file, LockKind kind, std::uint64_t byte) {
    struct flock lock = range(type_of(kind), byte);
    while (::fcntl(file.descriptor(), F_OFD_SETLKW, &lock) != 0)
        if (errno != EINTR) return fail(failed(file));
    return {};
}

void unlock(const File& file, std::uint64_t byte) {
    struct flock lock = range(F_UNLCK, byte);
    while (::fcntl(file.descriptor(), F_OFD_SETLK, &lock) != 0)
        // ENOLCK: to give back one byte of several, the kernel needs a record more than before.
        CHECK(errno == EINTR || errno == ENOLCK || errno == ENOMEM);
}

Result<bool> locked_elsewhere(const File& file, std::uint64_t byte) {
    struct flock lock = range(F_WRLCK, byte);
    while (::fcntl(file.descriptor(), F_OFD_GETLK, &lock) != 0)
        if (errno != EINTR) return fail(failed(file));
    return lock.l_type != F_UNLCK;
}

}  // namespace weir::cache
