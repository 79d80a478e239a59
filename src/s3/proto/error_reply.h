#pragma once
// Errors as S3 writes them: <Error><Code/><Message/>...<Resource/><RequestId/><HostId/></Error>.
//
// Pure functions; safe from any thread.

#include <span>
#include <string_view>

#include "base/error.h"
#include "s3/proto/operations.h"
#include "s3/proto/reply.h"
#include "s3/proto/request_view.h"

namespace weir::s3 {

struct ErrorContext {
    std::string_view resource = {};  // the path as the client sent it
    std::string_view request_id =
        {};  // also x-amz-request-id, which the server sets on every reply
    std::string_view host_id = {};
    bool head_request = false;  // then there is no body
    // What AWS adds for some codes, by element name: BucketName, Key, ActualObjectSize,
    // RangeRequested, ...
    std::span<const NamedText> details = {};
};

Reply write_error(const Error& error, const ErrorContext& context);

// The answer to an operation of the model that Weir does not serve.
Error not_implemented(Operation operation);

}  // namespace weir::s3
