#include "mount/errno.h"

#include <cerrno>

namespace weir::mount {

int errno_of(const Error& error) {
    switch (error.code()) {
        case Code::cancelled:
            return EINTR;
        case Code::conflict:
        case Code::precondition_failed:
            return ESTALE;
        case Code::no_such_bucket:
        case Code::no_such_upload:
        case Code::not_modified:
            return EIO;
        default:
            break;
    }
    const int number = info(error.code()).posix_errno;
    return number == EAGAIN || number == ECANCELED ? EIO : number;
}

}  // namespace weir::mount
