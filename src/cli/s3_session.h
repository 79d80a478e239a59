#pragma once
// One S3Client for a command, with all that it stands on: who asks, where, buffers, threads.
//
// Owned by the command; safe from any thread. Failure of open(): one sentence for who called:
// invalid_argument for settings that cannot be used, access_denied where there are no credentials.

#include <memory>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "client/credentials.h"
#include "client/endpoint.h"
#include "client/s3_client.h"
#include "client/transfer.h"
#include "io/blocking_pool.h"
#include "io/buffer_pool.h"

namespace weir::cli {

class S3Session {
  public:
    // Endpoint, region and credentials as the options, the environment, ~/.aws and /etc/weir/env
    // say (client/endpoint.h, client/credentials.h). `log` outlives it.
    static Result<std::unique_ptr<S3Session>> open(const client::EndpointOptions& options,
                                                   const ClientLimits& limits, Log& log);
    ~S3Session() { pool_.stop(); }
    S3Session(const S3Session&) = delete;
    S3Session& operator=(const S3Session&) = delete;

    client::S3Client& client() { return *client_; }
    client::Transfers& transfers() { return *transfers_; }
    const ClientLimits& limits() const { return limits_; }
    // For each call, so that stop() ends it.
    client::Call call() const { return {.interrupt = &interrupt_}; }
    bool stopped() const { return interrupt_.interrupted(); }
    // Ends all calls with cancelled; what cleans up after them is still sent.
    void stop() { interrupt_.interrupt(); }
    // Now and then: gives back what nobody needs.
    void trim();

  private:
    S3Session(const client::EndpointOptions& options, const ClientLimits& limits, Log& log);
    Result<void> connect(const client::EndpointOptions& options, Log& log);

    const ClientLimits limits_;
    const SystemClock clock_;
    const client::Environment environment_;
    client::CredentialChain credentials_;
    io::BufferPool buffers_;
    io::BlockingPool pool_;
    net::Interrupt interrupt_;
    std::unique_ptr<client::S3Client> client_;
    std::unique_ptr<client::Transfers> transfers_;
};

}  // namespace weir::cli
