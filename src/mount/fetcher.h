#pragma once
// What is fetched before somebody asks for it: whole weights files from the first byte to the last
// at full parallelism, their siblings behind them, a growing window before whoever reads another
// file in order, the small files of a folder that are read in turn. A reader that misses a block
// fetches it himself, at once, on his own thread (Content::read), so it waits for nothing here.
//
// Owned by Mount; safe from any thread, and nothing but complete() waits. What fails is dropped:
// the reader who needs it asks again and hears why.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "mount/content.h"
#include "mount/listing.h"
#include "net/interrupt.h"

namespace weir::mount {

class Fetcher {
  public:
    struct Stats {
        std::uint64_t bytes = 0;  // fetched ahead
        std::uint64_t failures = 0;
        std::size_t waiting = 0;  // files
        std::vector<std::string> fetching = {};
    };

    Fetcher(Contents& contents, Tree& tree, Listing& listing, cache::Cache& cache,
            const MountLimits& limits, Log& log);
    ~Fetcher() { stop(); }
    Fetcher(const Fetcher&) = delete;
    Fetcher& operator=(const Fetcher&) = delete;

    // Somebody opened it to read.
    void opened(const NodeInfo& node, const std::shared_ptr<Content>& content) EXCLUDES(mutex_);
    // Somebody reads it here.
    void reads(const NodeInfo& node, const std::shared_ptr<Content>& content, std::uint64_t offset,
               std::uint64_t bytes) EXCLUDES(mutex_);
    // Nobody has it open any more.
    void closed(NodeId node) EXCLUDES(mutex_);
    // Fetches all files of the tree that match one of the patterns ("*.safetensors",
    // "llama/**"), as far as there is room.
    void prefetch(std::vector<std::string> patterns) EXCLUDES(mutex_);
    // Waits until the file is all there, if at the rate of now that takes no longer than the limit.
    // False if it is not.
    bool complete(const std::shared_ptr<Content>& content, const client::Call& call)
        EXCLUDES(mutex_);

    Stats stats() const EXCLUDES(mutex_);
    // Ends the threads, and what they fetch.
    void stop() EXCLUDES(mutex_);

  private:
    // A file, or part of it, that is fetched from `next` to `end`.
    struct Task {
        std::shared_ptr<Content> content;
        std::uint64_t next = 0;
        std::uint64_t end = 0;
        NodeId node = 0;
        unsigned working = 0;  // threads
        bool failed = false;
    };
    using Queue = std::deque<std::shared_ptr<Task>>;

    // By what is most likely to be waited for next.
    enum Urgency : std::size_t { window, sweep, sibling, ahead, urgencies };

    void run();
    bool work();
    void add(Urgency urgency, Task task) REQUIRES(mutex_);

    Contents& contents_;
    Tree& tree_;
    Listing& listing_;
    cache::Cache& cache_;
    const MountLimits& limits_;
    Log& log_;
    net::Interrupt stopping_;
    mutable Mutex mutex_;
    ConditionVariable changed_;
    Queue queues_[urgencies] GUARDED_BY(mutex_);
    bool stopped_ GUARDED_BY(mutex_) = false;
    std::vector<std::thread> threads_;
};

}  // namespace weir::mount
