#pragma once
// "20130524T000000Z": the time stamp that SigV4 signs.
//
// Pure functions; safe from any thread. HTTP and ISO dates are model_time.h's.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace weir::s3 {

std::string format_amz_date(UnixNanos time);
// nullopt for every other form.
std::optional<UnixNanos> parse_amz_date(std::string_view text);

}  // namespace weir::s3
