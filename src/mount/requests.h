#pragma once
// What each of the kernel's requests needs while it is answered: a way to be interrupted, and a
// buffer for what is read. Both are kept and used again. Private to Session.
//
// Owned by Session; safe from any thread. An Answering belongs to one request. Where no thread can
// be made to look after who is killed, waiting ends with the request.

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "client/s3_client.h"
#include "mount/libfuse.h"
#include "net/interrupt.h"

namespace weir::mount {

class Interrupts {
  public:
    Interrupts() = default;
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    std::unique_ptr<net::Interrupt> take() EXCLUDES(mutex_);
    // One that was interrupted is of no use any more.
    void give_back(std::unique_ptr<net::Interrupt> interrupt) EXCLUDES(mutex_);
    // All that come from now on, too.
    const net::Interrupt& all() const { return all_; }
    void interrupt_all() { all_.interrupt(); }

    // A signal came to the thread that waits: it is interrupted once that is being killed. The
    // kernel does not tell a second time.
    void watch(pid_t waiter, net::Interrupt& interrupt) EXCLUDES(mutex_);
    void unwatch(const net::Interrupt& interrupt) EXCLUDES(mutex_);

  private:
    struct Watched {
        pid_t waiter;
        net::Interrupt* interrupt;
    };
    void look() EXCLUDES(mutex_);

    net::Interrupt all_;
    Mutex mutex_;
    ConditionVariable changed_;
    std::vector<std::unique_ptr<net::Interrupt>> idle_ GUARDED_BY(mutex_);
    std::vector<Watched> watched_ GUARDED_BY(mutex_);
    bool ending_ GUARDED_BY(mutex_) = false;
    std::thread looking_ GUARDED_BY(mutex_);
};

// While a request is answered the kernel may interrupt it.
class Answering {
  public:
    Answering(Interrupts& interrupts, fuse_req_t request);
    ~Answering();
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;

    // Before the reply: libfuse frees the request with it.
    void done();
    client::Call call() const { return {.interrupt = interrupt_.get()}; }

  private:
    static void interrupted(fuse_req_t request, void* data);

    Interrupts& interrupts_;
    fuse_req_t request_;
    bool signalled_ = false;
    std::unique_ptr<net::Interrupt> interrupt_;
};

}  // namespace weir::mount
