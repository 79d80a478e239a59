#pragma once
// parse<PutObjectRequest>(view, body): the typed request of an operation that route() found. The
// model_*.h headers declare one for each operation that Weir serves. Bodies that are an object's
// bytes are not parsed.
//
// Pure; safe from any thread. Failure: invalid_argument, malformed_xml, not_implemented and the
// like, each naming the header, parameter or element.

#include <string_view>

#include "base/result.h"
#include "s3/proto/request_view.h"

namespace weir::s3 {

template <typename Request>
Result<Request> parse(const RequestView& view, std::string_view body = {});

}  // namespace weir::s3
