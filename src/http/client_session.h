#pragma once
// A connection to an HTTP server, as its client: one request after the other, each with its reply.
//
// Owned by its user; one thread at a time. Failure: what net::ClientConnection fails with, and
// invalid_encoding for what is no HTTP. After a failure it is of no use any more.

#include <memory>
#include <span>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "http/receive_buffer.h"
#include "http/reply_body.h"
#include "http/reply_parser.h"
#include "net/client_connection.h"

namespace weir::http {

// A request as it is sent. `head` is all of its text, the empty line included.
struct Outgoing {
    std::string_view head;
    bool is_head = false;           // HEAD: the reply has no body
    bool expects_continue = false;  // `head` says so
    // The body: memory, or else part of a file.
    std::span<const std::span<const std::byte>> pieces = {};
    int file = -1;
    std::uint64_t file_offset = 0;
    std::uint64_t file_length = 0;
};

class ClientSession {
  public:
    ClientSession(std::unique_ptr<net::ClientConnection> connection, const ClientLimits& limits);

    void set_patience(const net::Patience& patience) { connection_->set_patience(patience); }

    // Sends the request and waits for the reply's head, which is valid until the next one. The
    // reply may come before all of the body is sent.
    Result<const ReplyHead*> ask(const Outgoing& request);
    // Some bytes of the reply's body; 0 at its end.
    Result<std::size_t> read_some(std::span<std::byte> out) { return body_.read_some(out); }

    // Since the last request: has anything of a reply come? If not, a kept connection may have been
    // closed before the request was seen.
    bool reply_began() const { return reply_began_; }
    // How much of the request's body was handed to the kernel.
    bool body_sent() const { return body_sent_; }
    // Can another request follow? The reply's body must have been read to its end.
    bool reusable() const {
        return !awaits_reply_ && keeps_ && body_.at_end() && buffer_.bytes().empty();
    }
    // The same of one that rested.
    bool at_rest() { return reusable() && connection_->at_rest(); }

  private:
    Result<net::Written> send_body(const Outgoing& request);
    // False if the reply is there already.
    Result<bool> await_continue(const Outgoing& request);
    Result<void> receive_head();
    Result<void> receive_final_head();
    const ReplyHead* begin_body(const Outgoing& request);

    const ClientLimits& limits_;
    const std::unique_ptr<net::ClientConnection> connection_;
    ReceiveBuffer buffer_;
    ReplyParser parser_;
    ReplyBody body_;
    bool awaits_reply_ = false;
    bool reply_began_ = false;
    bool body_sent_ = false;
    bool keeps_ = true;
};

}  // namespace weir::http
