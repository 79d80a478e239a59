#pragma once
// Attributes that a store does not tell in its listings, asked for (HEAD) ahead of whoever looks at
// the names of a folder in turn, as `ls -l` does: several at a time, a growing window before him.
// Where listings tell them nothing happens here.
//
// Owned by Mount; safe from any thread, and nothing waits for the store. What fails is dropped: the
// reader asks himself and hears why.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "io/blocking_pool.h"
#include "mount/freshness.h"
#include "mount/listing.h"
#include "mount/tree.h"
#include "net/interrupt.h"

namespace weir::mount {

class AttributesAhead {
  public:
    AttributesAhead(Tree& tree, Listing& listing, const Freshness& freshness,
                    const MountLimits& limits, Log& log)
        : tree_(tree),
          listing_(listing),
          freshness_(freshness),
          limits_(limits),
          log_(log),
          pool_(limits.attribute_threads, limits.attributes_queue_max) {}
    ~AttributesAhead() { stop(); }
    AttributesAhead(const AttributesAhead&) = delete;
    AttributesAhead& operator=(const AttributesAhead&) = delete;

    // Somebody is about to look the name up: whether he does so in turn, and what is known of the
    // folder is too old for him.
    Listing::Looking looks_up(NodeId folder, std::string_view name) EXCLUDES(mutex_);

    // Ends the threads, and what they ask.
    void stop() EXCLUDES(mutex_);

  private:
    // A folder whose names are looked up one after the other.
    struct Turn {
        std::string last = {};              // place that was looked up
        std::string ahead = {};             // places up to here were asked for, or known
        std::deque<Tree::Guess> next = {};  // that are asked for, and not reached yet,
        std::size_t taken = 0;              // so many of them, from the front, by a thread already
        std::size_t window = 0;
        std::size_t run = 0;
        std::size_t skipped = 0;  // names that were asked for in vain
        std::size_t listed = 0;   // `run`, when the folder was listed again
    };

    // Whether he who looks this name up will look at the next ones.
    static bool advance(Turn& turn, const std::string& place, bool guessed);
    void fill(NodeId folder, Turn& turn) REQUIRES(mutex_);
    void ask_next(NodeId folder) EXCLUDES(mutex_);

    Tree& tree_;
    Listing& listing_;
    const Freshness& freshness_;
    const MountLimits& limits_;
    Log& log_;
    net::Interrupt stopping_;
    Mutex mutex_;
    std::unordered_map<NodeId, Turn> turns_ GUARDED_BY(mutex_);
    io::BlockingPool pool_;
};

}  // namespace weir::mount
