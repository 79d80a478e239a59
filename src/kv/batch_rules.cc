#include "kv/batch_rules.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace weir::kv {

void check_batch(const Batch& batch, const Limits& limits) {
    CHECK(batch.rows() <= limits.batch_rows_max);
    CHECK(batch.bytes() <= limits.batch_bytes_max);
    for (const RangeCondition& condition : batch.range_conditions) {
        const Range& range = condition.range;
        CHECK(condition.rows <= limits.batch_rows_max);
        CHECK(!range.begin.empty() && range.begin < range.end &&
              range.end.front() <= range.begin.front() + 1);
    }
    std::vector<std::string_view> keys;
    keys.reserve(batch.puts.size() + batch.removes.size());
    for (const Row& row : batch.puts) {
        CHECK(!row.key.empty() && !row.value.empty() && row.key.front() != journal_prefix);
        keys.push_back(row.key);
    }
    for (const std::string& key : batch.removes) keys.push_back(key);
    for (const std::string& entry : batch.appends) CHECK(!entry.empty());
    std::ranges::sort(keys);
    CHECK(std::ranges::adjacent_find(keys) == keys.end());
}

}  // namespace weir::kv
