#pragma once
// The table of what the kernel may ask, for libfuse: each function turns a request into a call of
// FileSystem and its result into a reply. Private to Session.
//
// The userdata of the session is an Answers. Called on libfuse's threads.

#include <memory>
#include <unordered_map>

#include "base/limits.h"
#include "base/mutex.h"
#include "io/buffer_pool.h"
#include "mount/file_system.h"
#include "mount/libfuse.h"
#include "mount/requests.h"

namespace weir::mount {

struct OpenFolder;

// Folders that are being read. The kernel closes what it opened, but at the end perhaps not all.
class OpenFolders {
  public:
    OpenFolders();
    ~OpenFolders();
    OpenFolder& open() EXCLUDES(mutex_);
    void close(OpenFolder& folder) EXCLUDES(mutex_);

  private:
    Mutex mutex_;
    std::unordered_map<OpenFolder*, std::unique_ptr<OpenFolder>> folders_ GUARDED_BY(mutex_);
};

// What the functions need; Session's.
struct Answers {
    Answers(const MountLimits& limits_in, Log& log_in)
        : limits(limits_in),
          log(log_in),
          read_buffers(static_cast<std::size_t>(MiB), limits_in.worker_threads_max + 1, 0) {}

    const MountLimits& limits;
    Log& log;
    FileSystem* file_system = nullptr;
    Interrupts interrupts;
    OpenFolders open_folders;
    io::BufferPool read_buffers;
};

Answers& answers_of(fuse_req_t request);
void reply_error(fuse_req_t request, const Error& error);
fuse_entry_param entry_of(const Answered& answered);
// The reply to open(2); a file that nobody will release because the kernel gave up is released.
void reply_open(fuse_req_t request, const Opened& opened);

// The same for create: entry and open file in one.
void reply_create(fuse_req_t request, const FileSystem::Created& created);

void add_name_operations(fuse_lowlevel_ops& operations);
void add_file_operations(fuse_lowlevel_ops& operations);
void add_write_operations(fuse_lowlevel_ops& operations);

}  // namespace weir::mount
