#pragma once
// What `GET /?weir-journal&bucket=B` asks for (docs/JOURNAL.md).
//
// Pure functions; safe from any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "s3/proto/request_view.h"

namespace weir::s3 {

inline constexpr std::string_view journal_parameter = "weir-journal";

struct JournalRequest {
    std::string bucket;
    std::string prefix;
    std::optional<std::uint64_t> after;      // the last sequence that the follower knows
    std::optional<std::string> incarnation;  // of the bucket that it knows
    std::chrono::seconds heartbeat{3};
};

// invalid_argument.
Result<JournalRequest> parse_journal_request(const RequestView& view);

}  // namespace weir::s3
