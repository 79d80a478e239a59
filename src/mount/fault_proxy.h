#pragma once
// Stands between a client and a store and does something else with requests that hold given words:
// answers them itself, or lets the store do them and breaks the connection before it answers. For
// tests. Plain HTTP; it looks at what arrives at a time, which holds a request's head as a whole.

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace weir::mount {

class FaultProxy {
  public:
    explicit FaultProxy(std::uint16_t port_of_store);
    ~FaultProxy();
    FaultProxy(const FaultProxy&) = delete;
    FaultProxy& operator=(const FaultProxy&) = delete;

    struct Fault {
        std::string words = {};
        // The store gets the request; else it does not.
        bool done = false;
        // Instead of the store's; nothing: the connection breaks.
        std::string answer = {};
        // Before the client hears of it.
        std::function<void()> then = {};
    };
    // From now on, instead of the one before.
    void set(Fault fault) EXCLUDES(mutex_);
    void pass_all() { set({}); }

    std::uint16_t port() const { return port_; }

  private:
    void accept() EXCLUDES(mutex_);
    void serve(int client) EXCLUDES(mutex_);
    Fault fault() EXCLUDES(mutex_);

    const std::uint16_t port_of_store_;
    int listener_ = -1;
    int stop_ = -1;  // an eventfd
    std::uint16_t port_ = 0;
    Mutex mutex_;
    Fault fault_ GUARDED_BY(mutex_);
    std::vector<std::thread> connections_;  // of the accepting thread
    std::thread accepting_;
};

}  // namespace weir::mount
