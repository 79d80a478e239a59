#pragma once
// The head of a reply as text: status line, the server's own fields, the handler's, the framing.
// Private to http.
//
// Pure functions, but for the date's text, which each thread keeps for a second.

#include <string>

#include "base/clock.h"
#include "http/message.h"

namespace weir::http {

// 204 and 304 have none, and no Content-Length either.
bool may_have_body(unsigned status);
std::uint64_t body_bytes(const Response& response);

// Replaces what `out` held. Line breaks inside a handler's field become spaces: no value may begin
// a field of its own.
void write_reply_head(std::string& out, const Response& response, bool for_head_request,
                      bool keep_alive, UnixNanos now);

}  // namespace weir::http
