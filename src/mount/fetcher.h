#pragma once
// What is fetched before somebody asks for it: whole weights files from the first byte to the last
// at full parallelism, their siblings behind them, a growing window before whoever reads another
// file in order, the small files of a folder that are read in turn. A reader that misses a block
// fetches it himself, at once, on his own thread (Content::read), so he waits for nothing here.
//
// Owned by Mount; safe from any thread, and nothing but wait_complete() waits. What fails is
// dropped: the reader who needs it asks again and hears why.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "mount/content.h"
#include "mount/fetch_queue.h"
#include "mount/listing.h"
#include "mount/streams.h"
#include "net/interrupt.h"

namespace weir::mount {

class Fetcher {
  public:
    struct Progress {
        std::string key = {};
        std::uint64_t done_bytes = 0;
        std::uint64_t bytes = 0;
    };
    struct Stats {
        std::uint64_t bytes = 0;  // fetched ahead
        std::uint64_t failures = 0;
        std::size_t waiting = 0;  // files
        std::vector<Progress> fetching = {};
    };

    Fetcher(Contents& contents, Listing& listing, cache::Cache& cache, const MountLimits& limits,
            Log& log);
    ~Fetcher() { stop(); }
    Fetcher(const Fetcher&) = delete;
    Fetcher& operator=(const Fetcher&) = delete;

    // Somebody opened it to read.
    void opened(const NodeInfo& node, const std::shared_ptr<Content>& content) EXCLUDES(mutex_);
    // Somebody reads it here.
    void reads(NodeId node, const std::shared_ptr<Content>& content, std::uint64_t offset,
               std::uint64_t bytes) EXCLUDES(mutex_);
    // Nobody has it open any more.
    void closed(NodeId node) EXCLUDES(mutex_);
    // Fetches all files that match one of the patterns (weights.h), as far as there is room.
    // Returns at once.
    void prefetch(std::vector<std::string> patterns) EXCLUDES(mutex_);
    // Waits until the file is all there, where it is being fetched whole and at the rate of now
    // that takes no longer than MountLimits::complete_wait_ms. False if it is not.
    bool wait_complete(const std::shared_ptr<Content>& content, const client::Call& call)
        EXCLUDES(mutex_);

    Stats stats() const EXCLUDES(mutex_);
    // Ends the threads, and what they fetch.
    void stop() EXCLUDES(mutex_);

  private:
    // A file that is open.
    struct Reading {
        Streams streams;
        bool whole = false;      // it is fetched whole, so nobody's reading matters
        bool oversized = false;  // it is given up behind its readers
    };
    // A folder whose small files are opened one after the other.
    struct InTurn {
        std::string last = {};   // that was opened
        std::string ahead = {};  // to here files wait to be fetched, or were
        std::size_t run = 0;
        std::size_t step = 8;
        bool asking = false;
    };

    void run();
    void work(const FetchQueue::Work& work) EXCLUDES(mutex_);
    Result<void> look_up(FetchTask& task) EXCLUDES(mutex_);
    // False if too many are swept already.
    bool sweep(const NodeInfo& node, const std::shared_ptr<Content>& content) REQUIRES(mutex_);
    void add_siblings(NodeId folder, const std::vector<std::string>& names) REQUIRES(mutex_);
    void in_turn(const NodeInfo& node) REQUIRES(mutex_);
    // Of one model no more is fetched, and not yet read, than the cache may hold of it.
    bool claim(const NodeInfo& node) REQUIRES(mutex_);
    void note_complete(NodeId node) REQUIRES(mutex_);
    // The next small files of a folder, asked of the listing.
    void fetch_ahead(NodeId folder) EXCLUDES(mutex_);
    void read_index(NodeId folder, const std::shared_ptr<Content>& content) EXCLUDES(mutex_);
    // As far as the queue has room; next_errand() goes on with it.
    void find_matching() EXCLUDES(mutex_);
    void take_matching(const Tree::Page& page) REQUIRES(mutex_);
    // Work that is no file. False if too much of it waits.
    bool later(std::function<void()> errand) REQUIRES(mutex_);
    std::function<void()> next_errand() REQUIRES(mutex_);
    std::uint64_t whole_bytes_max() const;
    client::Call call() const { return {.interrupt = &stopping_}; }

    Contents& contents_;
    Listing& listing_;
    cache::Cache& cache_;
    const MountLimits& limits_;
    Log& log_;
    net::Interrupt stopping_;
    mutable Mutex mutex_;
    ConditionVariable changed_;
    FetchQueue queue_ GUARDED_BY(mutex_);
    std::deque<std::function<void()>> errands_ GUARDED_BY(mutex_);
    std::unordered_map<NodeId, Reading> reading_ GUARDED_BY(mutex_);
    std::unordered_map<NodeId, InTurn> in_turn_ GUARDED_BY(mutex_);
    // Small files that were seen to be all there, and need not be looked at again.
    std::unordered_set<NodeId> complete_ GUARDED_BY(mutex_);
    // Bytes of weights, by node, that are fetched whole and were not closed by a reader since.
    struct Claim {
        NodeId folder = 0;
        std::uint64_t bytes = 0;
    };
    std::unordered_map<NodeId, Claim> claims_ GUARDED_BY(mutex_);
    // Where the search for what matches is: folders that are left, the next one last.
    struct Search {
        NodeId folder = 0;
        std::string path = {};
        std::string after = {};
    };
    std::vector<Search> searches_ GUARDED_BY(mutex_);
    bool searching_ GUARDED_BY(mutex_) = false;
    std::uint64_t matching_bytes_ GUARDED_BY(mutex_) = 0;  // that were found
    std::vector<std::string> patterns_ GUARDED_BY(mutex_);
    Stats stats_ GUARDED_BY(mutex_);
    bool stopped_ GUARDED_BY(mutex_) = false;
    std::vector<std::thread> threads_;
};

}  // namespace weir::mount
