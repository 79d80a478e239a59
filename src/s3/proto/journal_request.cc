#include "s3/proto/journal_request.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "base/limits.h"

namespace weir::s3 {
namespace {

constexpr std::uint64_t heartbeat_s_min = 1, heartbeat_s_max = 60;

Result<std::optional<std::uint64_t>> number(const RequestView& view, std::string_view name,
                                            std::uint64_t min, std::uint64_t max) {
    const std::optional<std::string_view> digits = view.parameter(name);
    if (!digits) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits->data(), digits->data() + digits->size(), value);
    if (error != std::errc() || end != digits->data() + digits->size() || value < min ||
        value > max)
        return fail(
            Code::invalid_argument,
            fmt::format("The parameter {} must be a number from {} to {}.", name, min, max));
    return value;
}

std::string text(const RequestView& view, std::string_view name) {
    return std::string(view.parameter(name).value_or(""));
}

}  // namespace

Result<JournalRequest> parse_journal_request(const RequestView& view) {
    JournalRequest request{.bucket = text(view, "bucket"),
                           .prefix = text(view, "prefix"),
                           .after = {},
                           .incarnation = {}};
    if (request.bucket.empty())
        return fail(Code::invalid_argument, "The parameter bucket must name a bucket.");
    if (request.prefix.size() > key_bytes_max) return fail(Code::key_too_long);
    // One less, since what follows has a greater one.
    TRY(request.after, number(view, "after", 0, std::numeric_limits<std::uint64_t>::max() - 1));
    if (const auto incarnation = view.parameter("incarnation"))
        request.incarnation = std::string(*incarnation);
    TRY(const std::optional<std::uint64_t> heartbeat,
        number(view, "heartbeat", heartbeat_s_min, heartbeat_s_max));
    if (heartbeat) request.heartbeat = std::chrono::seconds(*heartbeat);
    return request;
}

}  // namespace weir::s3
