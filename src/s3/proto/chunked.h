#pragma once
// aws-chunked: the body that S3 clients send inside the HTTP body when checksums or signatures come
// after or between the bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
//
//     400;chunk-signature=<64 digits>\r\n <1024 bytes> \r\n ... 0;chunk-signature=...\r\n
//     x-amz-checksum-crc32c:wdBDMA==\r\n x-amz-trailer-signature:...\r\n \r\n
//
// A decoder is owned by whoever receives the body, used by one thread at a time, and copies no
// payload: a step points into its input. After an error it must not be used again. A chunk's bytes
// come out before its signature can be checked, so nothing may be committed before finish().

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "hash/digester.h"
#include "s3/proto/sigv4.h"

namespace weir::s3 {

// Names in lower case, values trimmed.
using Trailers = std::vector<std::pair<std::string, std::string>>;

struct ChunkedBody {
    std::uint64_t decoded_bytes = 0;              // x-amz-decoded-content-length
    std::vector<std::string> trailer_names = {};  // x-amz-trailer, lower case
};

// From the headers of a request whose payload is one of the three chunked kinds:
// missing_content_length, invalid_argument.
Result<ChunkedBody> parse_chunked_body(const RequestView& view);

class ChunkedDecoder {
  public:
    struct Step {
        std::size_t consumed = 0;                 // of the input; at least 1
        std::span<const std::byte> payload = {};  // within the input; often empty
    };

    // `key` is of use for the signed kinds only. Without a trailer kind, trailers are refused.
    ChunkedDecoder(ChunkedBody body, const SignatureV4& signature, SigningKey key);

    // Decodes the front of the input, which is not empty. invalid_encoding for what is not
    // aws-chunked, signature_does_not_match.
    Result<Step> next(std::span<const std::byte> input);

    // At the end of the HTTP body: incomplete_body unless all was there. Gives the trailers.
    Result<Trailers> finish();

  private:
    enum class State { size_line, data, data_end, trailer, end };

    Result<Step> take_line_bytes(std::span<const std::byte> input);
    Result<void> take_line();
    Result<void> take_size_line(std::string_view line);
    Result<void> take_trailer_line(std::string_view line);
    Result<Step> take_data(std::span<const std::byte> input);
    Result<void> end_chunk();
    Result<void> check_signature(std::string_view algorithm, std::string_view hashes,
                                 std::string_view claimed);
    bool has_trailer() const { return payload_ != PayloadKind::signed_chunks; }
    bool is_signed() const { return payload_ != PayloadKind::unsigned_chunks_trailer; }
    bool trailer_complete() const;

    const ChunkedBody body_;
    const PayloadKind payload_;
    const SigningKey key_;
    const std::string timestamp_;
    const std::string scope_;
    std::string previous_signature_;

    State state_ = State::size_line;
    std::string line_;  // the line so far, bounded
    std::uint64_t chunk_bytes_left_ = 0;
    std::uint64_t decoded_bytes_ = 0;
    std::string chunk_signature_;
    std::optional<hash::Digester> chunk_digest_;  // signed kinds
    std::size_t end_bytes_ = 0;                   // line ends after the end
    Trailers trailers_;
    bool trailer_signature_seen_ = false;
};

}  // namespace weir::s3
