#pragma once
// Reading a record and then what it names, while others replace and reclaim objects: Code::conflict
// says that it went in between. Any thread that may block.

#include <fmt/format.h>

#include "base/result.h"

namespace weir::s3 {

// What `read` answers once nothing goes away under it. What is missing again and again is damage.
template <typename Read>
auto settled(const Read& read) -> decltype(read()) {
    constexpr int reads_max = 5;
    for (int left = reads_max;; --left) {
        auto answer = read();
        if (answer || answer.error().code() != Code::conflict) return answer;
        if (left == 1)
            return fail(Code::corrupt,
                        fmt::format("again and again, {}", answer.error().message()));
    }
}

}  // namespace weir::s3
