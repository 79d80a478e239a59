#include "cli/s3/name_filter.h"

#include <fnmatch.h>

#include <ranges>

namespace weir::cli {

bool NameFilter::includes(const std::string& name) const {
    for (const Rule& rule : rules_ | std::views::reverse)
        if (::fnmatch(rule.pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0) return rule.include;
    return true;
}

}  // namespace weir::cli
