#include "client/core.h"

#include <fmt/format.h>

#include <utility>

namespace weir::client {

Core::Core(Endpoint endpoint_in, const S3Client::Environs& environs,
           std::unique_ptr<net::TlsClientContext> tls_in)
    : endpoint(std::move(endpoint_in)),
      credentials(environs.credentials),
      buffers(environs.buffers),
      limits(environs.limits),
      clock(environs.clock),
      log(environs.log),
      tls(std::move(tls_in)),
      connections(limits, endpoint.port, tls.get()),
      budget(limits) {}

std::string Core::region_of(const std::string& bucket) {
    MutexLock lock(mutex_);
    const auto found = regions_.find(bucket);
    return found == regions_.end() ? endpoint.region : found->second;
}

void Core::remember_region(const std::string& bucket, const std::string& region) {
    MutexLock lock(mutex_);
    if (regions_.size() >= regions_max) regions_.clear();
    regions_[bucket] = region;
}

Endpoint Core::endpoint_in(const std::string& region) const {
    Endpoint there = endpoint;
    there.region = region;
    if (there.host == fmt::format("s3.{}.amazonaws.com", endpoint.region) ||
        there.host == "s3.amazonaws.com")
        there.host = fmt::format("s3.{}.amazonaws.com", region);
    return there;
}

s3::SigningKey Core::signing_key(const Credentials& credentials_in, std::string_view date,
                                 const std::string& region) {
    MutexLock lock(mutex_);
    if (last_key_.secret != credentials_in.secret_access_key || last_key_.date != date ||
        last_key_.region != region)
        last_key_ = {.secret = credentials_in.secret_access_key,
                     .date = std::string(date),
                     .region = region,
                     .key = s3::derive_signing_key(credentials_in.secret_access_key, date, region)};
    return last_key_.key;
}

}  // namespace weir::client
