#pragma once
// A set of the bytes of a file, as ranges that neither overlap nor touch.
//
// A plain value, not safe from several threads. Nothing fails.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace weir::mount {

// From `begin` up to, not with, `end`.
struct Span {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    std::uint64_t bytes() const { return end > begin ? end - begin : 0; }
    bool operator==(const Span&) const = default;
};

class DirtyRanges {
  public:
    void add(Span span);
    // What lies from `size` on is no longer in it.
    void truncate(std::uint64_t size);
    void clear() { ends_.clear(); }

    bool empty() const { return ends_.empty(); }
    std::size_t count() const { return ends_.size(); }
    // All of `span`; true for an empty one.
    bool covers(Span span) const;
    // Any of it.
    bool touches(Span span) const;
    // What of `span` is not in it, in order.
    std::vector<Span> gaps(Span span) const;
    std::vector<Span> all() const;

  private:
    using Ends = std::map<std::uint64_t, std::uint64_t>;  // end by begin
    // The first that ends behind `offset`.
    Ends::const_iterator behind(std::uint64_t offset) const;

    Ends ends_;
};

}  // namespace weir::mount
