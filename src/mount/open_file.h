#pragma once
// What one open(2) of the mount holds. Owned by FileSystem (OpenFiles); its parts are shared.

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"
#include "base/result.h"
#include "mount/content.h"
#include "mount/kernel.h"

namespace weir::mount {

class Draft;

using FileHandle = std::uint64_t;

// How the kernel treats it; uncounted: FOPEN_DIRECT_IO alone.
enum class OpenMode : std::uint8_t { uncounted, cached, passthrough };

struct OpenFile {
    NodeId node = 0;
    int flags = 0;                          // of open(2)
    std::shared_ptr<Content> content = {};  // null for a file that is being written
    std::shared_ptr<Draft> draft = {};      // if it writes, or was opened while others wrote
    bool commits = false;                   // its close(2) does
    OpenMode mode = OpenMode::uncounted;
};

// How the kernel has a node open: through its cache, or by passthrough; it allows one of them at a
// time, and one backing file.
//
// Those of write handles: FOPEN_DIRECT_IO alone while the node has no passthrough; while it has,
// FOPEN_DIRECT_IO and FOPEN_PASSTHROUGH with the same backing id (reads and writes still come here
// then, only mmap goes to the backing file).
struct KernelMode {
    std::size_t cached = 0;
    std::size_t passthrough = 0;
    BackingId backing = 0;
};

class OpenFiles {
  public:
    explicit OpenFiles(std::size_t files_max) : files_max_(files_max) {}

    // slow_down if too many are open.
    Result<FileHandle> add(OpenFile file) EXCLUDES(mutex_);
    // io_error for a handle that is none.
    Result<OpenFile> get(FileHandle handle) const EXCLUDES(mutex_);
    Result<OpenFile> take(FileHandle handle) EXCLUDES(mutex_);
    // What was written is the node's content now, for all who have it open.
    void set_content(NodeId node, const std::shared_ptr<Content>& content) EXCLUDES(mutex_);
    // What it has; `content` from now on, where it has none.
    std::shared_ptr<Content> content_of(FileHandle handle, const std::shared_ptr<Content>& content)
        EXCLUDES(mutex_);
    std::size_t count() const EXCLUDES(mutex_);
    bool any_of(NodeId node) const EXCLUDES(mutex_);
    // Will a close(2) commit what is changed of it?
    bool any_commits(NodeId node) const EXCLUDES(mutex_);

  private:
    // Of one node.
    struct Uses {
        std::size_t opens = 0;
        std::size_t commits = 0;
    };

    const std::size_t files_max_;
    mutable Mutex mutex_;
    std::unordered_map<FileHandle, OpenFile> files_ GUARDED_BY(mutex_);
    std::unordered_map<NodeId, Uses> uses_ GUARDED_BY(mutex_);
    FileHandle next_ GUARDED_BY(mutex_) = 1;
};

}  // namespace weir::mount
