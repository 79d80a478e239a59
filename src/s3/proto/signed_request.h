#pragma once
// A request as signatures see it, and which kind of signature it carries.
//
// A plain value of views into the server's request, which must outlive it. Pure functions; safe
// from any thread.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "s3/proto/request_view.h"

namespace weir::s3 {

struct SignedRequest {
    // Method, decoded query, headers. What is signed is what the verbs act on: signatures are
    // computed from the decoded words, so no second reading of the request can differ.
    const RequestView& view;
    std::string_view path = {};      // decoded, all of it: Target::path
    std::string_view raw_path = {};  // as sent: some clients sign their own spelling
    bool bucket_in_host = false;     // view.bucket is not in the path (SigV2 signs it all the same)
};

enum class SignatureKind { none, v4_header, v4_query, v2_header, v2_query };

// invalid_argument where a request is signed twice or by an unknown scheme.
Result<SignatureKind> signature_kind(const RequestView& view);

// The values of all headers of that name, trimmed and joined by commas; nullopt if there is none.
std::optional<std::string> joined_header(const RequestView& view, std::string_view name);

std::string to_lower(std::string_view text);
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);

}  // namespace weir::s3
