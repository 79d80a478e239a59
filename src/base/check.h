#pragma once
// CHECK(condition): what must hold whatever the input. On in every build; a failure prints where
// and aborts, because a store that has lost its invariants must not go on writing.

#include <source_location>
#include <string_view>

namespace weir {

[[noreturn]] void check_failed(std::string_view condition, std::source_location where);

}  // namespace weir

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) [[unlikely]]                                         \
            ::weir::check_failed(#condition, std::source_location::current()); \
    } while (false)
