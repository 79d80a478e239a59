#include "cli/s3_session.h"

#include <utility>

namespace weir::cli {

S3Session::S3Session(const client::EndpointOptions& options, const ClientLimits& limits, Log& log)
    : limits_(limits),
      environment_(client::Environment::of_process()),
      credentials_(environment_, options.profile, log),
      buffers_(limits.buffer_bytes, limits.buffers_max, limits.buffers_max),
      pool_(limits.transfer_parallelism, limits.connections_max) {}

Result<void> S3Session::connect(const client::EndpointOptions& options, Log& log) {
    TRY(const auto credentials, credentials_.current());
    TRY(client::Endpoint endpoint, client::resolve_endpoint(environment_, options));
    TRY(client_, client::S3Client::make(std::move(endpoint), {.credentials = credentials_,
                                                              .buffers = buffers_,
                                                              .limits = limits_,
                                                              .clock = clock_,
                                                              .log = log}));
    transfers_ = std::make_unique<client::Transfers>(*client_, pool_);
    return {};
}

Result<std::unique_ptr<S3Session>> S3Session::open(const client::EndpointOptions& options,
                                                   const ClientLimits& limits, Log& log) {
    std::unique_ptr<S3Session> session(new S3Session(options, limits, log));
    TRY_VOID(session->connect(options, log));
    return session;
}

void S3Session::trim() {
    buffers_.trim();
    client_->trim();
}

}  // namespace weir::cli
