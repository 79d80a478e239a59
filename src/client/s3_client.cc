#include "client/s3_client.h"

#include <utility>

#include "client/core.h"
#include "client/state.h"

namespace weir::client {

Result<std::unique_ptr<S3Client>> S3Client::make(Endpoint endpoint, const Environs& environs) {
    std::unique_ptr<net::TlsClientContext> tls;
    if (endpoint.tls) {
        TRY(tls, net::TlsClientContext::load(endpoint.ca_file));
    }
    return std::unique_ptr<S3Client>(
        new S3Client(std::make_unique<State>(std::move(endpoint), environs, std::move(tls))));
}

S3Client::S3Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
S3Client::~S3Client() = default;

const Endpoint& S3Client::endpoint() const { return state_->core.endpoint; }
const ClientLimits& S3Client::limits() const { return state_->core.limits; }
io::BufferPool& S3Client::buffers() { return state_->core.buffers; }
const net::Interrupt& S3Client::stopped() const { return state_->core.stop; }
void S3Client::stop() { state_->core.stop.interrupt(); }
void S3Client::trim() { state_->core.connections.trim(); }

ClientStats S3Client::stats() const {
    const Core& core = state_->core;
    return {.requests = core.requests.load(),
            .retries = core.retries.load(),
            .connections = core.connections.made(),
            .bytes_in = core.bytes_in.load(),
            .bytes_out = core.bytes_out.load(),
            .connections_open = core.connections.open()};
}

}  // namespace weir::client
