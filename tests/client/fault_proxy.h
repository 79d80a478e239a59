#pragma once
// For tests: a TCP proxy before a server that does to each connection what it is told to.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace weir::client::test {

struct Fault {
    enum class Kind {
        none,
        answer,         // `text`, to whatever is asked, and the end
        cut_reply,      // after `bytes` of what the server says
        lose_reply,     // the request arrives, nothing comes back
        stall_reply,    // after `bytes` nothing more comes, and the connection stays
        cut_request,    // after `bytes` of what the client says
        refuse,         // closes at once
        die_at_second,  // request, which is not passed on
        flip,           // a bit of the reply's byte `bytes`
    };
    Kind kind = Kind::none;
    std::uint64_t bytes = 0;
    std::string text = {};
};

class FaultProxy {
  public:
    // What happens to the connection of that number, from 0.
    using Plan = std::function<Fault(unsigned connection)>;

    FaultProxy(std::uint16_t server_port, Plan plan);
    ~FaultProxy();
    FaultProxy(const FaultProxy&) = delete;

    std::uint16_t port() const { return port_; }
    unsigned connections() const { return connections_.load(); }
    // What `answer` answered, in that order.
    std::vector<std::string> asked() EXCLUDES(mutex_);

  private:
    void accept_all();
    void serve(int client, const Fault& fault);
    void pump(int client, int server, const Fault& fault);

    const std::uint16_t server_port_;
    const Plan plan_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<unsigned> connections_ = 0;
    std::atomic<bool> stopping_ = false;
    Mutex mutex_;
    std::vector<std::thread> threads_ GUARDED_BY(mutex_);
    std::vector<std::string> asked_ GUARDED_BY(mutex_);
    std::thread acceptor_;
};

}  // namespace weir::client::test
