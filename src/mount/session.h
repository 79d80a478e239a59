#pragma once
// The kernel's side of a mount: mounts, reads the kernel's requests on threads of its own, calls
// FileSystem and replies; and Kernel, for the other direction. libfuse 3 (low level) speaks the
// protocol; what Debian's 3.14 does not know of it (passthrough) is added to its replies here.
//
// As root (CAP_SYS_ADMIN) it mounts by itself, with passthrough and a larger read-ahead where the
// kernel has them; else by fusermount3.
//
// Owned by Mount: made first, since others need the Kernel; serve() once all is there. Failure:
// invalid_argument, access_denied, io_error with a sentence for who mounts.

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "mount/kernel.h"
#include "net/interrupt.h"

namespace weir::mount {

class FileSystem;

struct SessionOptions {
    std::string folder = {};  // absolute; is there
    std::string source = {};  // what mount(8) shows, and compares with /etc/fstab
    bool allow_other = false;
    bool read_only = false;
    bool passthrough = true;  // where the kernel and our rights allow it
    // For mount(8)'s own options: nosuid and nodev are always set.
    bool no_exec = false;
};

class Session final : public Kernel {
  public:
    static Result<std::unique_ptr<Session>> mount(SessionOptions options, const MountLimits& limits,
                                                  Log& log);
    // Unmounts, if it is still mounted.
    ~Session() override;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Answers the kernel until it is unmounted, by unmount() or by anybody else, on threads that it
    // makes; returns when the last has ended.
    Result<void> serve(FileSystem& file_system);
    // From any thread. Lazy where files are open: the name is gone at once, and serve() returns
    // when the last is closed; `force`: serve() returns now, and what is open fails.
    void unmount(bool force);
    // Whatever waits for the store, or begins to, fails with cancelled.
    void interrupt_all();
    const net::Interrupt& ending() const;

    void forget_name(NodeId folder, const std::string& name) override;
    void doubt_folder(NodeId folder, const std::string& name) override;
    void forget_pages(NodeId node, std::int64_t offset) override;
    bool passthrough() const override;
    BackingId open_backing(int descriptor) override;
    void close_backing(BackingId id) override;

  private:
    struct State;
    explicit Session(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace weir::mount
