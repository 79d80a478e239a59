#include "mount/dirty_ranges.h"

#include <algorithm>
#include <iterator>

namespace weir::mount {

DirtyRanges::Ends::const_iterator DirtyRanges::behind(std::uint64_t offset) const {
    const auto next = ends_.upper_bound(offset);
    if (next == ends_.begin()) return next;
    const auto before = std::prev(next);
    return before->second > offset ? before : next;
}

void DirtyRanges::add(Span span) {
    if (span.bytes() == 0) return;
    auto next = ends_.upper_bound(span.begin);
    if (next != ends_.begin() && std::prev(next)->second >= span.begin) --next;
    while (next != ends_.end() && next->first <= span.end) {
        span = {std::min(span.begin, next->first), std::max(span.end, next->second)};
        next = ends_.erase(next);
    }
    ends_.emplace_hint(next, span.begin, span.end);
}

void DirtyRanges::truncate(std::uint64_t size) {
    ends_.erase(ends_.lower_bound(size), ends_.end());
    if (!ends_.empty()) {
        std::uint64_t& last = std::prev(ends_.end())->second;
        last = std::min(last, size);
    }
}

bool DirtyRanges::covers(Span span) const {
    if (span.bytes() == 0) return true;
    const auto found = behind(span.begin);
    return found != ends_.end() && found->first <= span.begin && found->second >= span.end;
}

bool DirtyRanges::touches(Span span) const {
    if (span.bytes() == 0) return false;
    const auto found = behind(span.begin);
    return found != ends_.end() && found->first < span.end;
}

std::vector<Span> DirtyRanges::gaps(Span span) const {
    std::vector<Span> gaps;
    std::uint64_t at = span.begin;
    for (auto next = behind(at); next != ends_.end() && next->first < span.end; ++next) {
        if (next->first > at) gaps.push_back({at, next->first});
        at = next->second;
    }
    if (at < span.end) gaps.push_back({at, span.end});
    return gaps;
}

std::vector<Span> DirtyRanges::all() const {
    std::vector<Span> spans;
    spans.reserve(ends_.size());
    for (const auto& [begin, end] : ends_) spans.push_back({begin, end});
    return spans;
}

}  // namespace weir::mount
