#pragma once
// A refusal as the service wrote it: <Error> of a body, or a status alone. Private to client.
//
// Pure values; safe from any thread. A body that is no XML is no failure: the status remains.

#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::client {

struct ServiceError {
    unsigned status = 0;
    std::string s3_code = {};  // empty where there is no body
    std::string message = {};
    std::string request_id = {};
    std::string region = {};  // where the bucket is, if it is elsewhere

    // By S3 code, or by status where that is none that we know; `has_key`: what a bare 404 of a
    // HEAD is about.
    Code code(bool has_key) const;
    // "NoSuchKey: ... (GET s3://bucket/key, HTTP 404, request id ...)"
    Error error(std::string_view request, bool has_key) const;
    // Is the same request worth another try?
    bool may_retry() const;
};

// nullopt-like: s3_code stays empty where the root is no <Error>.
ServiceError parse_service_error(unsigned status, std::string_view body);

}  // namespace weir::client
