#pragma once
// What each of the kernel's requests needs while it is answered: a way to be interrupted, and a
// buffer for what is read. Both are kept and used again. Private to Session.
//
// Owned by Session; safe from any thread. An Answering belongs to one request.

#include <cstddef>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "client/s3_client.h"
#include "mount/libfuse.h"
#include "net/interrupt.h"

namespace weir::mount {

class Interrupts {
  public:
    std::unique_ptr<net::Interrupt> take() EXCLUDES(mutex_);
    // One that was interrupted is of no use any more.
    void give_back(std::unique_ptr<net::Interrupt> interrupt) EXCLUDES(mutex_);
    // All that come from now on, too.
    const net::Interrupt& all() const { return all_; }
    void interrupt_all() { all_.interrupt(); }

  private:
    net::Interrupt all_;
    Mutex mutex_;
    std::vector<std::unique_ptr<net::Interrupt>> idle_ GUARDED_BY(mutex_);
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
    Interrupts& interrupts_;
    fuse_req_t request_;
    std::unique_ptr<net::Interrupt> interrupt_;
};

}  // namespace weir::mount
