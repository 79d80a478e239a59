#pragma once
// What all calls of an S3Client share: where it asks, as whom, over which connections. Private to
// client.
//
// Owned by its S3Client; safe from any thread.

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "client/connection_pool.h"
#include "client/retry.h"
#include "client/s3_client.h"
#include "s3/proto/sigv4.h"

namespace weir::client {

struct Core {
    Core(Endpoint endpoint_in, const S3Client::Environs& environs,
         std::unique_ptr<net::TlsClientContext> tls_in);

    // Where a bucket is asked for, once the service said so; else the endpoint's own region.
    std::string region_of(const std::string& bucket);
    void remember_region(const std::string& bucket, const std::string& region);
    // The endpoint of a region: AWS has one host each, everybody else one host.
    Endpoint endpoint_in(const std::string& region) const;

    // Of today; derived once for each secret and region.
    s3::SigningKey signing_key(const Credentials& credentials, std::string_view date,
                               const std::string& region);

    const Endpoint endpoint;
    CredentialChain& credentials;
    io::BufferPool& buffers;
    const ClientLimits& limits;
    const Clock& clock;
    Log& log;
    const std::unique_ptr<net::TlsClientContext> tls;  // null: plain TCP
    ConnectionPool connections;
    RetryBudget budget;
    net::Interrupt stop;
    std::atomic<std::uint64_t> requests = 0, retries = 0, bytes_in = 0, bytes_out = 0;
    // What answered the last listing is MinIO: it tells metadata if it is asked its own way.
    std::atomic<bool> minio_answers = false;
    // RenameObject was taken for a PutObject.
    std::atomic<bool> rename_unknown = false;

  private:
    struct KeyUse {
        std::string secret, date, region;
        s3::SigningKey key;
    };
    static constexpr std::size_t regions_max = 1024;  // buckets elsewhere; more make it forget

    Mutex mutex_;
    std::map<std::string, std::string> regions_ GUARDED_BY(mutex_);
    KeyUse last_key_ GUARDED_BY(mutex_);
};

}  // namespace weir::client
