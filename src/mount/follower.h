#pragma once
// Follows Weir's journal (docs/JOURNAL.md), so that what is cached of a bucket need not be asked
// for again until somebody changes it: tells a listener what changed, and Freshness how long all
// else may be believed.
//
// A stream that breaks is taken up again where it was; where entries may have been missed, all is
// forgotten. Between streams, without heartbeats and with servers that have no journal, what is
// cached lapses by its time to live.
//
// Owned by the mount; outlived by what it is given. start() and stop() from one thread, status()
// from any. The listener is called from the follower's own thread. Nothing fails: what goes wrong
// is in status(), and in the log when it changes.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "client/journal.h"
#include "client/s3_client.h"
#include "mount/freshness.h"
#include "net/interrupt.h"

namespace weir::mount {

class ChangeListener {
  public:
    virtual ~ChangeListener() = default;
    // Anything may have changed; Freshness has forgotten already.
    virtual void all_changed() = 0;
    // One key has another object now, or none.
    virtual void changed(const client::JournalEntry& entry) = 0;

    virtual void lost() = 0;
};

enum class FollowState {
    off,         // not started, or stopped
    connecting,  // no stream, or one that has not caught up
    following,
    unserved,  // the server has no journal, or not for us
};

struct FollowStatus {
    FollowState state = FollowState::off;
    std::uint64_t entries = 0;  // told
    std::uint64_t streams = 0;  // opened
    std::uint64_t sequence = 0;
    std::string problem = {};  // why there is no stream
};

class JournalFollower {
  public:
    struct Parts {
        client::S3Client& client;
        std::string bucket;
        std::string prefix;  // of the keys that count
        Freshness& freshness;
        ChangeListener& listener;
        const MountLimits& limits;
        Log& log;
    };

    explicit JournalFollower(Parts parts) : parts_(std::move(parts)) {}
    ~JournalFollower();
    JournalFollower(const JournalFollower&) = delete;
    JournalFollower& operator=(const JournalFollower&) = delete;

    void start();
    void stop();

    FollowStatus status() const EXCLUDES(mutex_);

  private:
    void follow();
    // One stream, from its beginning to its end, which is always an error.
    Error follow_once();
    Result<void> take(const client::JournalLine& line);
    void take_begin(const client::JournalBegin& begin);
    void take_entry(const client::JournalEntry& entry);
    Error take_end(const client::JournalEnd& end);
    // All up to the place was told.
    void trust();
    void lose();
    std::chrono::milliseconds pause_after(const Error& error);
    void note_problem(const Error& error, bool unserved) EXCLUDES(mutex_);

    const Parts parts_;
    net::Interrupt stop_;

    // The follower's thread's own.
    std::optional<client::JournalPlace> place_;
    bool began_ = false;      // the stream of now told its beginning
    bool caught_up_ = false;  // and what had been missed
    unsigned failures_ = 0;   // in a row

    mutable Mutex mutex_;
    FollowStatus status_ GUARDED_BY(mutex_);
    std::thread thread_;  // the last
};

}  // namespace weir::mount
