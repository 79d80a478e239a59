#pragma once
// Folders that are being listed, each once for all who want it. Whoever waits for more of one asks
// for its next page, one at a time; a pool does while nobody waits.
//
// Owned by Listing; safe from any thread. Failure: as FolderListing's, told to all who wait;
// cancelled for who is interrupted, who leaves it to the others.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "io/blocking_pool.h"
#include "mount/folder_listing.h"
#include "net/interrupt.h"

namespace weir::mount {

class SharedListings {
  public:
    // What a page told, on the thread that asked for it, before the others hear of it.
    using Told =
        std::function<void(NodeId folder, const FolderListing&, const FolderListing::Step&)>;
    SharedListings(const Store& store, Tree& tree, const Freshness& freshness,
                   const AttributeDefaults& defaults, Told told, Log& log)
        : store_(store),
          tree_(tree),
          freshness_(freshness),
          defaults_(defaults),
          told_(std::move(told)),
          log_(log) {}
    ~SharedListings() { stop(); }
    SharedListings(const SharedListings&) = delete;
    SharedListings& operator=(const SharedListings&) = delete;

    // Until more than the place `after` is known; nullopt: to its end. When that was asked.
    using After = std::optional<std::string_view>;
    using Time = Freshness::Clock::time_point;
    Result<Time> list(NodeId folder, After after, const client::Call& call);
    // The rest, too: while nobody waits, or at once where too much is listed so already.
    Result<Time> list_and_go_on(NodeId folder, After after, const client::Call& call);

    // Ends what nobody waits for.
    void stop();

  private:
    struct UnderWay;
    std::shared_ptr<UnderWay> under_way(NodeId folder) EXCLUDES(mutex_);
    Result<void> list_on(UnderWay& under_way, After after, const client::Call& call)
        EXCLUDES(mutex_);
    // Whether it is for this thread to ask; not: enough is known.
    Result<bool> take_turn(UnderWay& under_way, After after, const client::Call& call)
        EXCLUDES(mutex_);
    // Whether that was its end.
    Result<bool> take_step(UnderWay& under_way, const client::Call& call);
    void end_turn(UnderWay& under_way, const Result<bool>& ended) EXCLUDES(mutex_);
    bool list_behind(const std::shared_ptr<UnderWay>& under_way) EXCLUDES(mutex_);

    // Folders whose rest is listed while nobody waits, and such that wait for that.
    static constexpr std::size_t behind_max = 4, behind_queue_max = 4;

    const Store& store_;
    Tree& tree_;
    const Freshness& freshness_;
    const AttributeDefaults& defaults_;
    const Told told_;
    Log& log_;
    Mutex mutex_;
    ConditionVariable stepped_;
    std::unordered_map<NodeId, std::weak_ptr<UnderWay>> under_way_ GUARDED_BY(mutex_);
    net::Interrupt stopping_;
    io::BlockingPool pool_{behind_max, behind_queue_max};
};

}  // namespace weir::mount
