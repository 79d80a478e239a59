// aws-chunked bodies: what is decoded does not depend on the pieces in which it came, a body that
// we wrote comes out as it went in, and a signed one that was changed does not come out.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "hash/hmac.h"
#include "s3/proto/chunked.h"

namespace weir::s3 {
namespace {

const SigningKey key{.bytes = "a key of nobody's"};
constexpr std::string_view trailer_name = "x-amz-checksum-crc32c";

SignatureV4 signature_of(PayloadKind payload) {
    SignatureV4 signature;
    signature.date = "20261123";
    signature.region = "auto";
    signature.timestamp = "20261123T120000Z";
    signature.signature = std::string(64, '0');
    signature.payload = payload;
    return signature;
}

struct Decoded {
    std::optional<Code> error;
    std::string payload;
    Trailers trailers;

    bool operator==(const Decoded& other) const {
        // What came before an error is nobody's.
        if (error || other.error) return error == other.error;
        return payload == other.payload && trailers == other.trailers;
    }
};

// In pieces of 1 to `piece_max` bytes, as `seed` decides; whole where that is 0.
Decoded decode(std::string_view body, const ChunkedBody& about, PayloadKind kind,
               std::size_t piece_max, std::uint64_t seed) {
    ChunkedDecoder decoder(about, signature_of(kind), key);
    Decoded decoded;
    while (!body.empty()) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        const std::size_t size =
            piece_max == 0 ? body.size() : std::min(body.size(), 1 + (seed >> 33) % piece_max);
        std::string_view piece = body.substr(0, size);
        body.remove_prefix(size);
        while (!piece.empty()) {
            const Result<ChunkedDecoder::Step> step = decoder.next(as_bytes(piece));
            if (!step) {
                decoded.error = step.error().code();
                return decoded;
            }
            CHECK(step->consumed >= 1 && step->consumed <= piece.size());
            const std::string_view payload = as_text(step->payload);
            CHECK(payload.empty() ||
                  (payload.data() >= piece.data() && payload.size() <= step->consumed));
            decoded.payload += payload;
            CHECK(decoded.payload.size() <= about.decoded_bytes);
            piece.remove_prefix(step->consumed);
        }
    }
    Result<Trailers> trailers = decoder.finish();
    if (!trailers) {
        decoded.error = trailers.error().code();
        return decoded;
    }
    decoded.trailers = *std::move(trailers);
    CHECK(decoded.payload.size() == about.decoded_bytes);
    return decoded;
}

Decoded decode_each_way(std::string_view body, const ChunkedBody& about, PayloadKind kind,
                        std::uint64_t seed) {
    Decoded whole = decode(body, about, kind, 0, seed);
    for (const std::size_t piece_max : {1U, 64U})
        CHECK(decode(body, about, kind, piece_max, seed) == whole);
    return whole;
}

// Writes a body as SDKs do.
class Encoder {
  public:
    explicit Encoder(PayloadKind kind) : kind_(kind), about_(signature_of(kind)) {}

    void chunk(std::string_view bytes) {
        body_ += fmt::format("{:x}", bytes.size());
        if (is_signed())
            body_ += fmt::format(
                ";chunk-signature={}",
                sign("AWS4-HMAC-SHA256-PAYLOAD",
                     fmt::format("{}\n{}", hash::sha256_hex(""), hash::sha256_hex(bytes))));
        body_ += "\r\n";
        if (!bytes.empty()) body_.append(bytes).append("\r\n");
    }
    void trailer(std::string_view value) {
        const std::string line = fmt::format("{}:{}", trailer_name, value);
        body_ += line + "\r\n";
        if (is_signed())
            body_ += fmt::format("x-amz-trailer-signature:{}\r\n",
                                 sign("AWS4-HMAC-SHA256-TRAILER", hash::sha256_hex(line + "\n")));
    }
    std::string finish() {
        body_ += "\r\n";
        return std::move(body_);
    }

  private:
    bool is_signed() const { return kind_ != PayloadKind::unsigned_chunks_trailer; }
    std::string sign(std::string_view algorithm, std::string_view hashes) {
        about_.signature = hex_encode(hash::hmac_sha256(
            key.bytes, fmt::format("{}\n{}\n{}\n{}\n{}", algorithm, about_.timestamp,
                                   about_.scope(), about_.signature, hashes)));
        return about_.signature;
    }

    PayloadKind kind_;
    SignatureV4 about_;  // with the signature before
    std::string body_;
};

void check_round_trip(std::string_view input, PayloadKind kind, std::uint64_t seed) {
    const std::uint64_t change = fuzz::take_number(input);
    Encoder encoder(kind);
    ChunkedBody about{.decoded_bytes = 0, .trailer_names = {}};
    Decoded expected;
    while (!input.empty()) {
        const std::string_view bytes = fuzz::take_text(input);
        if (bytes.empty()) continue;
        encoder.chunk(bytes);
        expected.payload += bytes;
    }
    encoder.chunk("");
    about.decoded_bytes = expected.payload.size();
    if (kind != PayloadKind::signed_chunks) {
        about.trailer_names = {std::string(trailer_name)};
        expected.trailers = {{std::string(trailer_name), "wdBDMA=="}};
        encoder.trailer("wdBDMA==");
    }
    std::string body = encoder.finish();
    CHECK(decode_each_way(body, about, kind, seed) == expected);

    // A bit of it turned, or the end cut off.
    std::string changed = body;
    char& at = changed[static_cast<std::size_t>(change / 8 % changed.size())];
    at = static_cast<char>(at ^ (1 << change % 8));
    const Decoded turned = decode_each_way(changed, about, kind, seed);
    if (kind != PayloadKind::unsigned_chunks_trailer) CHECK(turned.error || turned == expected);
    body.resize(static_cast<std::size_t>(change % body.size()));
    const Decoded cut = decode_each_way(body, about, kind, seed);
    CHECK(cut.error || cut == expected);
}

void check_headers(std::string_view length, std::string_view names) {
    RequestView view;
    view.headers = {{"x-amz-decoded-content-length", length}, {"x-amz-trailer", names}};
    const Result<ChunkedBody> about = parse_chunked_body(view);
    if (!about) return;
    CHECK(about->trailer_names.size() <= 16);
    for (const std::string& name : about->trailer_names)
        CHECK(!name.empty() && name == to_lower(trim_spaces(name)) &&
              name.find(',') == std::string::npos);
}

void check(std::string_view input) {
    constexpr PayloadKind kinds[] = {PayloadKind::unsigned_chunks_trailer,
                                     PayloadKind::signed_chunks,
                                     PayloadKind::signed_chunks_trailer};
    const std::uint8_t choice = fuzz::take_byte(input);
    const PayloadKind kind = kinds[choice / 2 % 3];
    if (choice % 2 == 1) {
        check_round_trip(input, kind, input.size());
        return;
    }
    // The lengths and names as headers would say them, then the body.
    const std::string_view length = fuzz::take_line(input), names = fuzz::take_line(input);
    check_headers(length, names);
    RequestView view;
    view.headers = {{"x-amz-decoded-content-length", length}, {"x-amz-trailer", names}};
    if (const Result<ChunkedBody> about = parse_chunked_body(view))
        decode_each_way(input, *about, kind, input.size());
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
