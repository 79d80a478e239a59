#pragma once
// Which errno the caller of a system call sees. Pure; safe from any thread.

#include "base/error.h"

namespace weir::mount {

// As the table in base/error.cc says, but for what means something else to who calls read(2) or
// open(2): EAGAIN would make him poll, and ENOENT of a bucket or a proxy look like a missing file.
int errno_of(const Error& error);

}  // namespace weir::mount
