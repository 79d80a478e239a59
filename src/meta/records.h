#pragma once
// Records as bytes and back. Every record begins with its format number; one that is newer than
// this program, or does not parse, is Code::corrupt and never guessed at; so is one whose extents
// or blocks cannot be, so that sums of their offsets and lengths do not wrap around. Pure
// functions; safe from any thread.

#include <string>
#include <string_view>

#include "base/result.h"
#include "meta/records.pb.h"

namespace weir::meta {

inline constexpr std::uint32_t record_format = 1;

// Sets the format and serialises. Instantiated for every record type of records.proto.
template <typename Record>
std::string encode(Record record);
template <typename Record>
Result<Record> decode(std::string_view bytes);

}  // namespace weir::meta
