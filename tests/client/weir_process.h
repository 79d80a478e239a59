#pragma once
// For tests: a real `weir serve` on a free loopback port, with a data directory of its own.

#include <string>

#include <sys/types.h>

#include "client/credentials.h"
#include "client/endpoint.h"

namespace weir::client::test {

class WeirProcess {
  public:
    explicit WeirProcess(bool tls = false);
    ~WeirProcess();
    WeirProcess(const WeirProcess&) = delete;

    const Endpoint& endpoint() const { return endpoint_; }
    const Credentials& credentials() const { return credentials_; }

  private:
    void await_start();
    void read_exports();

    std::string folder_;
    pid_t process_ = -1;
    Endpoint endpoint_;
    Credentials credentials_;
};

}  // namespace weir::client::test
