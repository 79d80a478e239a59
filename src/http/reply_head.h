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

// How the client is told where a reply ends.
struct Framing {
    bool for_head_request = false;
    bool keep_alive = true;
    bool chunked = false;  // of a reply with a source; else its end is the connection's
};

// Replaces what `out` held. Line breaks inside a handler's field become spaces: no value may begin
// a field of its own.
void write_reply_head(std::string& out, const Response& response, const Framing& framing,
                      UnixNanos now);

}  // namespace weir::http
