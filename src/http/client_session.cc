#include "http/client_session.h"

#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "http/reply_head.h"

namespace weir::http {
namespace {

// A head fits; what comes of the body beside it is copied, so not much more.
constexpr std::size_t receive_bytes = 8 * 1024;

bool is_interim(unsigned status) { return status < 200; }

}  // namespace

ClientSession::ClientSession(std::unique_ptr<net::ClientConnection> connection,
                             const ClientLimits& limits)
    : limits_(limits),
      connection_(std::move(connection)),
      parser_(limits),
      body_(*connection_, buffer_) {
    connection_->set_low_water(limits.receive_low_water_bytes);
}

Result<void> ClientSession::receive_head() {
    for (;;) {
        TRY(const std::optional<std::size_t> size, parser_.parse(buffer_.bytes()));
        if (size) {
            buffer_.consume(*size);
            return {};
        }
        TRY(const std::size_t count,
            connection_->read_some(buffer_.prepare(receive_bytes).first(receive_bytes)));
        if (count == 0) return fail(Code::unavailable, "the server ended the connection");
        buffer_.committed(count);
        reply_began_ = true;
    }
}

Result<void> ClientSession::receive_final_head() {
    constexpr int interim_max = 16;
    for (int i = 0; i < interim_max; ++i) {
        TRY_VOID(receive_head());
        if (!is_interim(parser_.head().status)) return {};
    }
    return fail(Code::invalid_encoding, "The server sends interim replies without end.");
}

Result<net::Written> ClientSession::send_body(const Outgoing& request) {
    if (request.file >= 0)
        return connection_->send_file(request.file, request.file_offset, request.file_length);
    return connection_->write(request.pieces, false);
}

Result<bool> ClientSession::await_continue(const Outgoing& request) {
    TRY(const bool readable,
        connection_->wait_readable(std::chrono::milliseconds(limits_.continue_timeout_ms)));
    // A server that does not know the header just waits for the body.
    if (!readable) {
        connection_->watch_peer(false);
        return true;
    }
    TRY_VOID(receive_head());
    if (parser_.head().status == 100) return true;
    if (is_interim(parser_.head().status)) TRY_VOID(receive_final_head());
    // Refused: the body that was announced will never be sent.
    keeps_ = false;
    begin_body(request);
    return false;
}

const ReplyHead* ClientSession::begin_body(const Outgoing& request) {
    const ReplyHead& head = parser_.head();
    body_.begin(head, request.is_head || !may_have_body(head.status));
    awaits_reply_ = false;
    if (!head.keep_alive || body_.ends_by_close()) keeps_ = false;
    return &head;
}

Result<const ReplyHead*> ClientSession::ask(const Outgoing& request) {
    awaits_reply_ = true;
    reply_began_ = false;
    body_sent_ = false;
    connection_->watch_peer(true);
    const bool has_body = request.file >= 0 || !request.pieces.empty();
    // Head and body in one packet, where nobody is asked between them.
    std::vector<std::span<const std::byte>> first{as_bytes(request.head)};
    if (!request.expects_continue && request.file < 0)
        first.insert(first.end(), request.pieces.begin(), request.pieces.end());
    Result<net::Written> written =
        connection_->write(first, request.file >= 0 && !request.expects_continue);
    if (written && request.expects_continue) {
        TRY(const bool wanted, await_continue(request));
        if (!wanted) return &parser_.head();
    }
    if (written && *written == net::Written::all && has_body &&
        (request.expects_continue || request.file >= 0))
        written = send_body(request);
    body_sent_ = written && *written == net::Written::all;
    // Who refuses a body may answer and close before it has read it all.
    if (!body_sent_) keeps_ = false;
    if (!written && written.error().code() != Code::unavailable) return fail(written.error());
    const Result<void> head = receive_final_head();
    if (!head) return fail(written ? head.error() : written.error());
    return begin_body(request);
}

}  // namespace weir::http
