// What a client says of its body: a true word passes, and no other body passes with it. Input: a
// byte of choices, headers as `name: value` lines up to an empty one, the body.

#include <string>
#include <vector>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "hash/digester.h"
#include "hash/hmac.h"
#include "s3/proto/checksum_headers.h"

namespace weir::s3 {
namespace {

hash::Digests digests_of(const BodyChecks& checks, std::string_view body) {
    hash::Digester digester(checks.algorithms);
    digester.update(as_bytes(body));
    return digester.finish();
}

void check_parsed(const BodyChecks& checks, bool has_trailer) {
    CHECK(checks.expected_md5.value_or(std::string(16, 'x')).size() == 16);
    CHECK(checks.expected_sha256.value_or(std::string(32, 'x')).size() == 32);
    CHECK(!checks.expected_md5 || checks.algorithms.contains(hash::Algorithm::md5));
    CHECK(!checks.expected_sha256 || checks.algorithms.contains(hash::Algorithm::sha256));
    CHECK(has_trailer || !checks.checksum_in_trailer);
    if (!checks.checksum) {
        CHECK(!checks.expected_checksum && !checks.checksum_in_trailer);
        return;
    }
    CHECK(checks.algorithms.contains(*checks.checksum));
    CHECK(checks.expected_checksum.has_value() == !checks.checksum_in_trailer);
    if (checks.expected_checksum)
        CHECK(checks.expected_checksum->size() == hash::info(*checks.checksum).digest_bytes);
}

// Whatever was said, the verdict is that of the digests themselves.
void check_verdict(const BodyChecks& checks, std::string_view body) {
    const hash::Digests digests = digests_of(checks, body);
    Trailers trailers;
    if (checks.checksum_in_trailer)
        trailers = {{std::string(hash::info(*checks.checksum).header),
                     base64_encode(*digests[*checks.checksum])}};
    const bool holds =
        (!checks.expected_sha256 || checks.expected_sha256 == digests[hash::Algorithm::sha256]) &&
        (!checks.expected_md5 || checks.expected_md5 == digests[hash::Algorithm::md5]) &&
        (!checks.expected_checksum || checks.expected_checksum == digests[*checks.checksum]);
    CHECK(verify_body(checks, digests, trailers).has_value() == holds);
    if (checks.checksum_in_trailer) CHECK(!verify_body(checks, digests, {}).has_value());
}

// The truth about the body, said in a header or in a trailer.
void check_truth(hash::Algorithm algorithm, bool in_trailer, std::string_view body) {
    const hash::AlgorithmInfo& row = hash::info(algorithm);
    const std::string value = base64_encode(hash::digest(algorithm, as_bytes(body)));
    RequestView view;
    if (in_trailer) {
        view.headers = {{"x-amz-trailer", row.header}, {"x-amz-sdk-checksum-algorithm", row.name}};
    } else {
        view.headers = {{row.header, value}};
    }
    const Trailers trailers{{std::string(row.header), value}};
    const std::string sha256 = hash::sha256_hex(body);
    const Result<BodyChecks> checks = parse_body_checks(view, sha256, in_trailer);
    CHECK(checks.has_value() && checks->checksum == algorithm);
    check_parsed(*checks, in_trailer);
    CHECK(verify_body(*checks, digests_of(*checks, body), trailers).has_value());
    const std::string other = std::string(body) + "x";
    CHECK(!verify_body(*checks, digests_of(*checks, other), trailers).has_value());
}

void check(std::string_view input) {
    const std::uint8_t choice = fuzz::take_byte(input);
    const bool has_trailer = choice % 2 == 1;
    RequestView view;
    for (std::string_view line = fuzz::take_line(input); !line.empty();
         line = fuzz::take_line(input)) {
        const std::size_t colon = std::min(line.find(':'), line.size());
        view.headers.push_back(
            {line.substr(0, colon), trim_spaces(line.substr(std::min(colon + 1, line.size())))});
    }
    const std::string sha256 = choice % 4 >= 2 ? hash::sha256_hex(input) : std::string();
    if (const Result<BodyChecks> checks = parse_body_checks(view, sha256, has_trailer)) {
        check_parsed(*checks, has_trailer);
        check_verdict(*checks, input);
    }
    check_truth(hash::all_algorithms[choice / 4 % hash::algorithm_count], has_trailer, input);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
