#pragma once
// The operations of S3, all of them, from the service model (tools/s3_model.py), and Weir's own:
// their names, whether Weir serves them, and which one a request asks for.
//
// Pure functions; safe from any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "s3/proto/request_view.h"

namespace weir::s3 {

enum class Operation : std::uint8_t {
#define WEIR_S3_OPERATION(name, method, implemented) name,
#include "s3/proto/model_operations.inc"
#undef WEIR_S3_OPERATION
    FollowJournal,  // Weir's own: docs/JOURNAL.md
};

struct OperationInfo {
    Operation operation;
    std::string_view name;    // as AWS spells its own, and as the enum does
    std::string_view method;  // "PUT"
    bool implemented;         // no: the server answers 501 NotImplemented, naming it
};

std::span<const OperationInfo> all_operations();
const OperationInfo& operation_info(Operation operation);

// The operation that method, bucket, key, sub-resource (`?acl`), required parameters and
// x-amz-copy-source name. Other parameters do not matter; `x-id`, which SDKs add, only decides
// where the model has two names for one request. Failure: method_not_allowed for a sub-resource or
// a resource that does not know the method, which is never taken for a request for the object
// itself; not_implemented for form uploads, which the model does not have.
Result<Operation> route(const RequestView& request);

}  // namespace weir::s3
