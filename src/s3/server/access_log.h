#pragma once
// One JSON line a request, for whoever has to know later who did what. Never a secret, a signature
// or a query string that may carry one.

#include <string>

#include "base/clock.h"
#include "http/message.h"
#include "s3/server/exchange.h"

namespace weir::s3 {

// All but what is known only once the reply was sent; an open JSON object.
std::string begin_access_line(const Exchange& exchange, unsigned status, const Error* error,
                              UnixNanos begin);
// The whole line.
std::string end_access_line(const std::string& begun, UnixNanos begin, UnixNanos end,
                            const http::Sent& sent);

}  // namespace weir::s3
