#pragma once
// A reply's body, pulled by the client: by Content-Length, chunked, or until the connection ends.
// Private to http.
//
// Belongs to its session; one thread. Failure: unavailable where the connection ends before the
// body does, invalid_encoding for chunks that are none, and what net::ClientConnection fails with.

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "http/receive_buffer.h"
#include "http/reply_parser.h"
#include "net/client_connection.h"

namespace weir::http {

class ReplyBody {
  public:
    ReplyBody(net::ClientConnection& connection, ReceiveBuffer& buffer)
        : connection_(connection), buffer_(buffer) {}

    // `none`: the request was a HEAD, or the status has no body.
    void begin(const ReplyHead& head, bool none);
    // Some bytes, straight into `out` as far as they did not come with the head; 0 at the end.
    Result<std::size_t> read_some(std::span<std::byte> out);

    bool at_end() const { return kind_ == Kind::none; }
    // Whether a further reply can follow, once this one is at its end.
    bool ends_by_close() const { return by_close_; }

  private:
    enum class Kind { none, length, chunked, until_close };

    Result<std::size_t> read_raw(std::span<std::byte> out, std::uint64_t announced);
    Result<std::string> read_line();
    Result<void> next_chunk();

    net::ClientConnection& connection_;
    ReceiveBuffer& buffer_;
    Kind kind_ = Kind::none;
    bool by_close_ = false;
    std::uint64_t left_ = 0;    // of the body, or of the chunk
    bool after_chunk_ = false;  // its line end is still to come
};

}  // namespace weir::http
