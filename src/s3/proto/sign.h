#pragma once
// Signature Version 4 from the other side: what a client sends, in the Authorization header.
//
// Pure functions; safe from any thread; they do not fail.

#include <string>
#include <string_view>

#include "s3/proto/signed_request.h"
#include "s3/proto/sigv4.h"

namespace weir::s3 {

// Whether a client signs a header of that name: all but those that belong to one hop.
bool is_signed_header(std::string_view name);

// The value of Authorization. `request` has everything that will be sent, Host, x-amz-date (of
// `timestamp`) and x-amz-content-sha256 included; the key is of that day and region.
std::string authorization_v4(const SignedRequest& request, std::string_view access_key_id,
                             std::string_view region, std::string_view timestamp,
                             const SigningKey& key);

}  // namespace weir::s3
