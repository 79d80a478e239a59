#pragma once
// The payload of a request: its HTTP body, out of aws-chunked where it came in that, checked
// against what the client said of it. Large payloads go to a store::BodyWriter, hashed together
// with other bodies and written by the blocking pool while the next buffer is received; small ones
// come whole.
//
// Belongs to one request, on its core.

#include <memory>
#include <optional>
#include <string>

#include "s3/proto/checksum_headers.h"
#include "s3/proto/chunked.h"
#include "s3/server/exchange.h"
#include "store/body_writer.h"

namespace weir::s3 {

class Payload {
  public:
    // What the headers say: entity_too_large, invalid_digest and the like, before anything is read.
    static Result<Payload> from(Exchange& exchange);

    // nullopt for a chunked body that says nothing of its length.
    std::optional<std::uint64_t> size_bytes() const { return size_bytes_; }
    const BodyChecks& checks() const { return checks_; }

    // All of it, of at most `bytes_max`, checked. entity_too_large; slow_down where the memory for
    // all such payloads is used up.
    struct Whole {
        std::string bytes;
        io::ByteBudget::Share memory;
    };
    net::Task<Result<Whole>> read_whole(std::size_t bytes_max);

    // All of it to the writer. What the writer was given may still be wrong: verify() its digests
    // before it is committed.
    net::Task<Result<void>> write_to(store::BodyWriter& writer);

    // After the whole body was read.
    Result<void> verify(const hash::Digests& digests) const {
        return verify_body(checks_, digests, trailers_);
    }

  private:
    class Pipeline;

    explicit Payload(Exchange& exchange) : exchange_(&exchange) {}

    // Fills `out` as far as the body goes; less only at its end.
    net::Task<Result<std::size_t>> fill(std::span<std::byte> out);
    // The same, but less as well, and `paused`, when the client has paused.
    net::Task<Result<std::size_t>> fill(std::span<std::byte> out, bool& paused);
    net::Task<Result<void>> write_small(store::BodyWriter& writer);
    net::Task<Result<void>> write_large(store::BodyWriter& writer);
    // Raw bytes of the body as the payload that they hold; `before` bytes of it came before. What
    // has to be decoded is moved to `place`, which lies in front of it.
    Result<std::span<const std::byte>> decode(std::span<const std::byte> raw, std::uint64_t before,
                                              std::byte* place);
    Result<void> finish();

    Exchange* exchange_;
    std::optional<std::uint64_t> size_bytes_;
    BodyChecks checks_;
    std::unique_ptr<ChunkedDecoder> decoder_;  // aws-chunked only
    Trailers trailers_;
};

}  // namespace weir::s3
