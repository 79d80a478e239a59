// Conditional headers against the rules of RFC 9110, 13.2.2, written down a second time. Input: the
// object's ETag, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, a line each; a
// byte of choices; the object's date.

#include <optional>
#include <string>

#include "fuzz_input.h"
#include "s3/proto/conditions.h"
#include "s3/proto/model_time.h"

namespace weir::s3 {
namespace {

std::optional<std::string_view> present(std::string_view line) {
    return line.empty() ? std::nullopt : std::optional(line);
}

void check_lists(std::string_view list, std::string_view etag) {
    if (names_etag(list, etag, /*weak=*/false)) CHECK(names_etag(list, etag, /*weak=*/true));
    CHECK(names_etag("*", etag, false) && !names_etag("", etag, true));
    const bool is_plain = !etag.empty() && etag.find_first_of("\", \t") == std::string_view::npos &&
                          !etag.starts_with("W/");
    if (!is_plain) return;
    const std::string quoted = "\"" + std::string(etag) + "\"", plain(etag);
    CHECK(names_etag(plain, etag, false));
    CHECK(names_etag("\"a,b\" , " + quoted, etag, false));
    CHECK(names_etag("W/" + quoted, etag, true) && !names_etag("W/" + quoted, etag, false));
    CHECK(names_etag("\"" + plain + "x\"", etag, true) == false);
}

Code expected_read(const Conditions& on, const ObjectState& object, bool& passes) {
    const auto seconds = [](UnixNanos time) { return time / nanos_per_second; };
    passes = false;
    if (on.if_match) {
        if (!names_etag(*on.if_match, object.etag, false)) return Code::precondition_failed;
    } else if (on.if_unmodified_since &&
               seconds(object.last_modified) > seconds(*on.if_unmodified_since)) {
        return Code::precondition_failed;
    }
    if (on.if_none_match) {
        if (names_etag(*on.if_none_match, object.etag, true)) return Code::not_modified;
    } else if (on.if_modified_since &&
               seconds(object.last_modified) <= seconds(*on.if_modified_since)) {
        return Code::not_modified;
    }
    passes = true;
    return Code::internal_error;
}

void check_verdicts(const Conditions& on, const ObjectState& object) {
    bool passes = false;
    const Code code = expected_read(on, object, passes);
    const Result<void> read = check_read(on, object), source = check_copy_source(on, object),
                       write = check_write(on, &object), fresh = check_write(on, nullptr);
    CHECK(read.has_value() == passes && source.has_value() == passes);
    if (!passes) {
        CHECK(read.error().code() == code);
        CHECK(source.error().code() == Code::precondition_failed);
    }
    CHECK(fresh.has_value() == !on.if_match);
    if (object.delete_marker) {
        CHECK(write.has_value() == fresh.has_value());
    } else {
        CHECK(write.has_value() == passes);
    }
    const DeleteConditions removal{.if_match = on.if_match,
                                   .if_match_last_modified_time = on.if_modified_since,
                                   .if_match_size = 100};
    CHECK(check_delete(removal, nullptr).has_value());
    if (check_delete(removal, &object))
        CHECK(object.size_bytes == 100 &&
              (!on.if_match || names_etag(*on.if_match, object.etag, false)));
}

void check(std::string_view input) {
    const std::string_view etag = fuzz::take_line(input), match = fuzz::take_line(input),
                           none_match = fuzz::take_line(input), modified = fuzz::take_line(input),
                           unmodified = fuzz::take_line(input);
    check_lists(match, etag);
    check_lists(none_match, etag);
    const std::uint8_t choice = fuzz::take_byte(input);
    const Conditions on{.if_match = present(match),
                        .if_none_match = present(none_match),
                        .if_modified_since = parse_date(modified),
                        .if_unmodified_since = parse_date(unmodified)};
    check_verdicts(on, {.etag = etag,
                        .last_modified = parse_date(fuzz::take_line(input)).value_or(0),
                        .size_bytes = choice % 2 == 0 ? 100U : 0U,
                        .delete_marker = choice % 8 == 7});
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
