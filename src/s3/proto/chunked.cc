#include "s3/proto/chunked.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "hash/hmac.h"

namespace weir::s3 {
namespace {

constexpr std::size_t line_bytes_max = 1024;
constexpr std::size_t trailers_max = 16;
constexpr std::size_t end_bytes_max = 4;
constexpr std::string_view trailer_signature_name = "x-amz-trailer-signature";

std::unexpected<Error> malformed(std::string_view why) {
    return fail(Code::invalid_encoding, fmt::format("The aws-chunked body is malformed: {}.", why));
}

std::optional<std::uint64_t> parse_number(std::string_view digits, int base) {
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
    if (error != std::errc() || stop != end) return std::nullopt;
    return value;
}

std::string hex_sha256(hash::Digester& digester) {
    return hex_encode(*digester.finish()[hash::Algorithm::sha256]);
}

}  // namespace

Result<ChunkedBody> parse_chunked_body(const RequestView& view) {
    ChunkedBody body;
    const std::optional<std::string_view> length = view.header("x-amz-decoded-content-length");
    if (!length) return fail(Code::missing_content_length);
    const std::optional<std::uint64_t> decoded_bytes = parse_number(*length, 10);
    if (!decoded_bytes)
        return fail(Code::invalid_argument,
                    "x-amz-decoded-content-length is not a number of bytes.");
    body.decoded_bytes = *decoded_bytes;
    const std::string names = joined_header(view, "x-amz-trailer").value_or("");
    std::string_view rest = names;
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        const std::string_view name = trim_spaces(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        if (name.empty()) continue;
        if (body.trailer_names.size() == trailers_max)
            return fail(Code::invalid_argument, "x-amz-trailer names too many trailers.");
        body.trailer_names.push_back(to_lower(name));
    }
    return body;
}

ChunkedDecoder::ChunkedDecoder(ChunkedBody body, const SignatureV4& signature, SigningKey key)
    : body_(std::move(body)),
      payload_(signature.payload),
      key_(std::move(key)),
      timestamp_(signature.timestamp),
      scope_(signature.scope()),
      previous_signature_(signature.signature) {
    if (is_signed()) chunk_digest_.emplace(hash::AlgorithmSet{hash::Algorithm::sha256});
}

Result<ChunkedDecoder::Step> ChunkedDecoder::next(std::span<const std::byte> input) {
    switch (state_) {
        case State::size_line:
        case State::data_end:
        case State::trailer:
            return take_line_bytes(input);
        case State::data:
            return take_data(input);
        case State::end:
            break;
    }
    // Clients differ in how many line ends they put last.
    if (++end_bytes_ > end_bytes_max || (as_text(input)[0] != '\r' && as_text(input)[0] != '\n'))
        return malformed("something follows its end");
    return Step{.consumed = 1};
}

Result<ChunkedDecoder::Step> ChunkedDecoder::take_line_bytes(std::span<const std::byte> input) {
    const std::string_view text = as_text(input);
    const std::size_t newline = text.find('\n');
    const std::size_t taken = newline == std::string_view::npos ? text.size() : newline + 1;
    if (line_.size() + taken > line_bytes_max) return malformed("a line is too long");
    line_ += text.substr(0, taken);
    if (newline != std::string_view::npos) {
        TRY_VOID(take_line());
        line_.clear();
    }
    return Step{.consumed = taken};
}

Result<void> ChunkedDecoder::take_line() {
    std::string_view line = line_;
    line.remove_suffix(1);
    const bool crlf = line.ends_with('\r');
    if (crlf) line.remove_suffix(1);
    // AWS's own example of a signed trailer ends its lines by LF, CR, LF.
    if (state_ == State::trailer) return take_trailer_line(line);
    if (!crlf) return malformed("a line does not end in CRLF");
    if (state_ == State::size_line) return take_size_line(line);
    if (!line.empty()) return malformed("a chunk is longer than its size");
    state_ = State::size_line;
    return {};
}

Result<void> ChunkedDecoder::take_size_line(std::string_view line) {
    constexpr std::string_view extension = "chunk-signature=";
    const std::size_t semicolon = line.find(';');
    const std::string_view digits = line.substr(0, semicolon);
    const std::optional<std::uint64_t> size =
        digits.size() <= 16 ? parse_number(digits, 16) : std::nullopt;
    if (!size) return malformed("a chunk's size is not a hexadecimal number");
    if (is_signed()) {
        if (semicolon == std::string_view::npos ||
            !line.substr(semicolon + 1).starts_with(extension))
            return malformed("a chunk is not signed");
        chunk_signature_ = line.substr(semicolon + 1 + extension.size());
    } else if (semicolon != std::string_view::npos) {
        return malformed("a chunk of an unsigned body has an extension");
    }
    if (*size > body_.decoded_bytes - decoded_bytes_)
        return malformed("it is longer than x-amz-decoded-content-length");
    if (*size > 0) {
        chunk_bytes_left_ = *size;
        state_ = State::data;
        return {};
    }
    if (decoded_bytes_ != body_.decoded_bytes) return fail(Code::incomplete_body);
    TRY_VOID(end_chunk());
    state_ = has_trailer() ? State::trailer : State::end;
    return {};
}

Result<ChunkedDecoder::Step> ChunkedDecoder::take_data(std::span<const std::byte> input) {
    const std::size_t taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes_left_, input.size()));
    const std::span<const std::byte> payload = input.first(taken);
    if (chunk_digest_) chunk_digest_->update(payload);
    chunk_bytes_left_ -= taken;
    decoded_bytes_ += taken;
    if (chunk_bytes_left_ == 0) {
        TRY_VOID(end_chunk());
        state_ = State::data_end;
    }
    return Step{.consumed = taken, .payload = payload};
}

Result<void> ChunkedDecoder::end_chunk() {
    if (!is_signed()) return {};
    return check_signature("AWS4-HMAC-SHA256-PAYLOAD",
                           fmt::format("{}\n{}", hash::sha256_hex(""), hex_sha256(*chunk_digest_)),
                           chunk_signature_);
}

// Each signature covers the one before, so chunks can be neither reordered nor left out.
Result<void> ChunkedDecoder::check_signature(std::string_view algorithm, std::string_view hashes,
                                             std::string_view claimed) {
    const std::string text = fmt::format("{}\n{}\n{}\n{}\n{}", algorithm, timestamp_, scope_,
                                         previous_signature_, hashes);
    std::string expected = hex_encode(hash::hmac_sha256(key_.bytes, text));
    if (!equal_constant_time(expected, claimed)) return fail(Code::signature_does_not_match);
    previous_signature_ = std::move(expected);
    return {};
}

Result<void> ChunkedDecoder::take_trailer_line(std::string_view line) {
    if (line.empty()) {
        if (trailer_complete()) state_ = State::end;
        // Otherwise it is the CR LF after the LF that ended the trailer, or a trailer is missing
        // and finish() says so.
        return {};
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return malformed("a trailer has no value");
    std::string name = to_lower(trim_spaces(line.substr(0, colon)));
    const std::string_view value = trim_spaces(line.substr(colon + 1));
    if (trailer_signature_seen_)
        return malformed("a trailer follows the signature of the trailers");
    if (is_signed() && name == trailer_signature_name) {
        std::string canonical;
        for (const auto& [trailer_name, trailer_value] : trailers_)
            canonical += fmt::format("{}:{}\n", trailer_name, trailer_value);
        trailer_signature_seen_ = true;
        return check_signature("AWS4-HMAC-SHA256-TRAILER", hash::sha256_hex(canonical), value);
    }
    const bool announced =
        std::ranges::find(body_.trailer_names, name) != body_.trailer_names.end();
    const bool repeated =
        std::ranges::find(trailers_, name, &Trailers::value_type::first) != trailers_.end();
    if (!announced || repeated) return malformed("a trailer was not announced by x-amz-trailer");
    trailers_.emplace_back(std::move(name), value);
    return {};
}

bool ChunkedDecoder::trailer_complete() const {
    return trailers_.size() == body_.trailer_names.size() &&
           (!is_signed() || trailer_signature_seen_);
}

Result<Trailers> ChunkedDecoder::finish() {
    // Some clients leave out the last line end.
    const bool ended =
        state_ == State::end || (state_ == State::trailer && line_.empty() && trailer_complete());
    if (!ended) return fail(Code::incomplete_body);
    return std::move(trailers_);
}

}  // namespace weir::s3
