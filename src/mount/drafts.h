#pragma once
// The files of a mount that are being written: the Draft of each node, from the first open for
// writing until the store has it and nobody has it open. What is committed is told to the Tree.
//
// Closing a file commits it; with async_close that happens later, on threads of its own: the bytes
// are in the cache's file then, what fails is tried again, and the next call on the file hears of
// it. What cannot be committed is kept for `weir mount --recover`.
//
// Owned by Mount, outlived by all that is passed in; safe from any thread. Failure: as Draft's.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "mount/commit_queue.h"
#include "mount/draft.h"
#include "mount/store.h"
#include "mount/tree.h"
#include "net/interrupt.h"

namespace weir::mount {

class Drafts {
  public:
    struct Environs {
        const DraftGround& ground;
        const Store& store;
        Tree& tree;
        const DraftLimits& limits;
        bool async_close = false;
        const net::Interrupt& ending;  // of the whole mount: nothing is committed from then on
    };
    // Of one that the store does not have as it is.
    struct Progress {
        std::string key = {};
        std::uint64_t sent_bytes = 0;
        std::uint64_t bytes = 0;
        std::string problem = {};  // why its last commit failed, and where it is kept
    };

    explicit Drafts(const Environs& environs);
    ~Drafts();  // stop()
    Drafts(const Drafts&) = delete;
    Drafts& operator=(const Drafts&) = delete;

    bool async_close() const { return environs_.async_close; }
    // Called whenever a node has no Draft any more: its bytes are its version's. `committed`: else
    // what was written is given up, and what the store has is not known.
    using Settled = std::function<void(NodeId node, bool committed)>;
    void on_settled(Settled call) { on_settled_ = std::move(call); }

    enum class Use : std::uint8_t { reads, writes };
    // Each open of a node that writes, or that reads what is being written, has its close(). A node
    // that nobody writes yet begins from the version that the tree has: would_block where its
    // attributes are guesses; null for who only reads it. Once, what failed since it was closed.
    Result<std::shared_ptr<Draft>> open(NodeId node, Use use = Use::writes) EXCLUDES(mutex_);
    // Of a file that was just made, open.
    Result<std::shared_ptr<Draft>> open_new(const NodeInfo& node, DraftStart start)
        EXCLUDES(mutex_);
    // Null if nobody writes it.
    std::shared_ptr<Draft> of(NodeId node) const EXCLUDES(mutex_);

    // Those of a folder and the folders in it.
    struct Beneath {
        NodeId node = 0;
        std::shared_ptr<Draft> draft = {};
    };
    std::vector<Beneath> beneath(const std::string& folder_key) const EXCLUDES(mutex_);

    // fsync(2): the store has it when it returns.
    Result<void> commit(NodeId node, const client::Call& call) EXCLUDES(mutex_);
    // close(2), of one of its descriptors.
    Result<void> flush(NodeId node, const client::Call& call) EXCLUDES(mutex_);
    // The last descriptor of an open() is gone. Once nobody writes and the store has all, who still
    // reads need not: the node's version has the same bytes. What nobody was told of is logged.
    void close(NodeId node, const Draft& draft, Use use = Use::writes) EXCLUDES(mutex_);

    // Commits everything, until the mount ends, and keeps the rest for recovery; how many those
    // are.
    std::size_t drain() EXCLUDES(mutex_);
    // Ends what goes on in the background: on_settled() is not called from there any more.
    void stop();
    // At most so many of them.
    std::vector<Progress> progress(std::size_t files_max) const EXCLUDES(mutex_);

  private:
    struct Written {
        std::shared_ptr<Draft> draft;
        std::size_t readers = 0;
        std::size_t writers = 0;
        bool queued = false;                // for a commit in the background
        std::optional<Error> failure = {};  // of the last commit
        bool told = false;                  // somebody heard of it
    };

    Result<std::shared_ptr<Draft>> begin(NodeId node) REQUIRES(mutex_);
    void keep_for_recovery(Draft& draft, const Error& problem) const;
    Result<void> commit_now(NodeId node, Draft& draft, const client::Call& call) EXCLUDES(mutex_);
    void commit_later(NodeId node) EXCLUDES(mutex_);
    void commit_closed(NodeId node) EXCLUDES(mutex_);
    void note_failure(Written& written, const Error& error) const;
    // What failed and nobody was told of is told once.
    static std::optional<Error> take_failure(Written& written);
    // Nobody has it open: it becomes an entry of the cache and is forgotten, or is kept for
    // recovery.
    void settle(NodeId node, const std::shared_ptr<Draft>& draft) EXCLUDES(mutex_);
    void give_up(NodeId node, Draft& draft) EXCLUDES(mutex_);
    // False if somebody opened it meanwhile, or it is not as it was.
    bool forget(NodeId node, const Draft& draft, bool changed) EXCLUDES(mutex_);
    static bool in_use(const Written& written);
    // Nobody has it open, and trying again is of no use.
    static bool hopeless(const Written& written);
    bool unused(NodeId node) const EXCLUDES(mutex_);
    void retry() EXCLUDES(mutex_);

    const Environs environs_;
    Settled on_settled_;
    net::Interrupt stop_;
    mutable Mutex mutex_;
    std::unordered_map<NodeId, Written> written_ GUARDED_BY(mutex_);
    std::atomic<std::size_t> count_ = 0;  // of `written_`: most reads need not look
    CommitQueue closed_;
    std::thread retrying_;
};

}  // namespace weir::mount
