#pragma once
// What is behind an S3Client. Private to client.

#include "client/core.h"
#include "client/s3_client.h"

namespace weir::client {

struct S3Client::State {
    State(Endpoint endpoint, const Environs& environs, std::unique_ptr<net::TlsClientContext> tls)
        : core(std::move(endpoint), environs, std::move(tls)) {}

    Core core;
};

}  // namespace weir::client
