#pragma once
// Tells the kernel that names and pages do not count any more, on a thread of its own: the kernel
// may hold the folder's lock while it waits for the very request that found this out. Private to
// Session.
//
// That thread cannot be killed while it waits for such a lock, and while one thread of a process
// has its descriptors nobody takes the device from it. So it has descriptors of its own, none but
// the device's: when the daemon is killed, the kernel takes those that requests were read from,
// ends what was read and not answered, and with that the wait. If the lock then goes to somebody
// whose request nobody reads, it waits on, until the connection is aborted (weir umount, weir
// mount).
//
// Owned by Session; tell_*() from any thread, never waits. Past its bound what is told is dropped,
// and counted: the kernel then believes it until its time is up (Freshness).

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "mount/node.h"

namespace weir::mount {

class Notifier {
  public:
    struct Notice {
        NodeId node = 0;  // the folder of `name`, or whose pages
        std::string name = {};
        std::int64_t offset = 0;
    };
    // On the thread; uses no descriptor but the one it is given.
    using Tell = std::function<Result<void>(const Notice&)>;
    // Of the device, once there is a notice.
    using Device = std::function<int()>;

    Notifier(Tell tell, Device device, std::size_t notices_max, Log& log);
    ~Notifier() { stop(); }

    void add(Notice notice) EXCLUDES(mutex_);
    void stop() EXCLUDES(mutex_);

  private:
    void run();
    void isolate() const;

    const Tell tell_;
    const Device device_;
    const std::size_t notices_max_;
    Log& log_;
    Mutex mutex_;
    ConditionVariable changed_;
    std::deque<Notice> notices_ GUARDED_BY(mutex_);
    std::uint64_t dropped_ GUARDED_BY(mutex_) = 0;
    std::string failure_ GUARDED_BY(mutex_);  // of the thread, which has no log
    bool stopped_ GUARDED_BY(mutex_) = false;
    std::thread thread_;  // the last
};

}  // namespace weir::mount
