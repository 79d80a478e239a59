#pragma once
// libfuse, at the version of its interface that src/mount is written for. Private to Session.

#define FUSE_USE_VERSION 314

#include <fuse3/fuse_lowlevel.h>
