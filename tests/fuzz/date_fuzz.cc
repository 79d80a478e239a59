// Dates of all forms: what was read is written and read again as the same moment, to the precision
// of the form; and what sorts as time sorts as text.

#include <string>

#include "fuzz_input.h"
#include "s3/proto/amz_date.h"
#include "s3/proto/model_time.h"

namespace weir::s3 {
namespace {

// Signed nanoseconds end here; model_time.h knows no later moment.
constexpr UnixNanos end = 9'223'372'036 * nanos_per_second;
constexpr UnixNanos nanos_per_milli = 1'000'000;

void check_moment(UnixNanos time) {
    const UnixNanos seconds = time / nanos_per_second * nanos_per_second;
    CHECK(parse_date(format_http_date(time)) == seconds);
    CHECK(parse_date(format_iso_date(time)) == time / nanos_per_milli * nanos_per_milli);
    CHECK(parse_amz_date(format_amz_date(time)) == seconds);
    CHECK(parse_date(std::to_string(time / nanos_per_second)) == seconds);
}

void check_order(UnixNanos a, UnixNanos b) {
    if (a > b) std::swap(a, b);
    CHECK(format_iso_date(a) <= format_iso_date(b));
    CHECK(format_amz_date(a) <= format_amz_date(b));
}

void check(std::string_view input) {
    if (const auto time = parse_date(input)) {
        CHECK(*time < end);
        check_moment(*time);
        CHECK(parse_date(" " + std::string(input) + "\t") == time);
    }
    if (const auto time = parse_amz_date(input)) {
        CHECK(*time < end && *time % nanos_per_second == 0);
        check_moment(*time);
    }
    const UnixNanos a = fuzz::take_number(input) % end, b = fuzz::take_number(input) % end;
    check_moment(a);
    check_order(a, b);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
