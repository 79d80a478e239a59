#pragma once
// Where an S3 service is and how it is addressed.
//
// A plain value. resolve_endpoint() reads files and fails with invalid_argument and a sentence that
// names what is wrong and where.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/environment.h"

namespace weir::client {

enum class Addressing {
    path,          // https://host/bucket/key
    virtual_host,  // https://bucket.host/key
};

struct Endpoint {
    bool tls = true;
    std::string host = {};  // a name or an address, IPv6 without brackets
    std::uint16_t port = 443;
    std::string region = "us-east-1";
    Addressing addressing = Addressing::path;
    std::string ca_file = {};  // PEM, for TLS; empty: the system's authorities

    // "https://host:port", without the port that the scheme implies.
    std::string url() const;
    // What Host says for a request to `bucket` (may be empty).
    std::string host_header(std::string_view bucket) const;
    // The host that such a request goes to.
    std::string connect_host(std::string_view bucket) const;
    // Whether `bucket` can stand in a host name, which TLS certificates of *.host cover.
    bool in_host(std::string_view bucket) const;
};

// "http://host:port" or "https://host"; no path, no query, no user. Addressing is path style unless
// the host is one of amazonaws.com.
Result<Endpoint> parse_endpoint(std::string_view url);

struct EndpointOptions {
    std::string url = {};      // empty: as the environment says
    std::string region = {};   // empty: as the environment says
    std::string ca_file = {};  // empty: AWS_CA_BUNDLE, the profile's ca_bundle, the system's
    std::string profile = {};  // empty: AWS_PROFILE, or "default"
};

// The first of: the options, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's services section,
// the profile's endpoint_url, the same variables in /etc/weir/env, AWS by region. The region: the
// options, AWS_REGION, AWS_DEFAULT_REGION, the profile's, /etc/weir/env, us-east-1.
// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is honoured.
Result<Endpoint> resolve_endpoint(const Environment& environment,
                                  const EndpointOptions& options = {});

}  // namespace weir::client
