#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void check_failed(std::string_view condition, std::source_location where) {
    std::fprintf(stderr, "%s:%u: %s: CHECK(%.*s) failed\n", where.file_name(),
                 static_cast<unsigned>(where.line()), where.function_name(),
                 static_cast<int>(condition.size()), condition.data());
    std::abort();
}

}  // namespace weir
