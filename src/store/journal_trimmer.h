#pragma once
// Trims the journals' old ends: what is older than is kept, and what is more than is kept. How much
// a journal holds is counted as it grows, so that a pass reads only what is new.
//
// Owned by the Reclaimer, on one thread. What it counted is forgotten with it: the first pass of
// the next reads each journal once. Another server that trims the same does no harm.

#include <cstdint>
#include <deque>
#include <map>

#include "base/result.h"
#include "kv/engine.h"
#include "store/context.h"

namespace weir::store {

class JournalTrimmer {
  public:
    explicit JournalTrimmer(const Context& context) : context_(context) {}

    // Once a bucket, between the two; end_pass() forgets the buckets that the pass did not see.
    void begin_pass() { ++pass_; }
    Result<void> trim(kv::PartitionId partition, UnixNanos now);
    void end_pass();

  private:
    // Entries one after the other.
    struct Run {
        kv::Sequence first = 0;
        std::uint64_t bytes = 0;
    };
    struct Counted {
        std::uint64_t pass = 0;
        kv::Sequence upto = 0;
        std::uint64_t bytes = 0;
        std::deque<Run> runs;
    };

    Result<void> count_new(kv::PartitionId partition, Counted& counted) const;
    // The first sequence to keep; 0: all.
    Result<kv::Sequence> first_young(kv::PartitionId partition, UnixNanos now) const;
    kv::Sequence first_within_bytes(const Counted& counted) const;
    Result<void> drop(kv::PartitionId partition, kv::Sequence keep_from, Counted& counted) const;

    const Context& context_;
    std::uint64_t pass_ = 0;
    std::map<std::uint64_t, Counted> counted_;
};

}  // namespace weir::store
