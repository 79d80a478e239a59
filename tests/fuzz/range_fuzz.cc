// Ranges lie within the object and are read back from the reply's own header. Input: the object's
// size, then the Range header, a line each.

#include <fmt/format.h>

#include <charconv>

#include "fuzz_input.h"
#include "s3/proto/range.h"

namespace weir::s3 {
namespace {

void check_inside(ByteRange range, std::uint64_t object_bytes) {
    CHECK(range.length >= 1 && range.offset < object_bytes);
    CHECK(range.length <= object_bytes - range.offset);
}

void check(std::string_view input) {
    const std::string_view digits = fuzz::take_line(input), header = fuzz::take_line(input);
    std::uint64_t object_bytes = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), object_bytes);

    const Result<std::optional<ByteRange>> range = parse_range(header, object_bytes);
    if (!range) {
        CHECK(range.error().code() == Code::invalid_range);
    } else if (*range) {
        check_inside(**range, object_bytes);
        const std::uint64_t last = (*range)->offset + (*range)->length - 1;
        CHECK(content_range(**range, object_bytes) ==
              fmt::format("bytes {}-{}/{}", (*range)->offset, last, object_bytes));
        const std::string exact = fmt::format("bytes={}-{}", (*range)->offset, last);
        CHECK(parse_range(exact, object_bytes).value() == *range);
        CHECK(parse_copy_source_range(exact, object_bytes).value() == **range);
    }
    const Result<ByteRange> source = parse_copy_source_range(header, object_bytes);
    if (!source) {
        CHECK(source.error().code() == Code::invalid_range ||
              source.error().code() == Code::invalid_argument);
        return;
    }
    check_inside(*source, object_bytes);
    CHECK(range.has_value() && *range == *source);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
