#pragma once
// Follows Weir's journal (docs/JOURNAL.md), so that what is cached of a bucket need not be asked
// for again until somebody changes it: tells a listener what changed, and everybody whether he may
// trust what he was told.
//
// A stream that breaks is taken up again where it was. What was cached may be trusted while era()
// has a value, and only if it was asked for within that era: where entries may have been missed a
// new era begins, and the listener hears all_stale() before. Between streams, without heartbeats,
// and with servers that have no journal, there is no era: caches lapse to their time to live.
//
// Owned by the mount; outlived by what it is given. start() and stop() from one thread, the rest
// from any. The listener is called from the follower's own thread, which waits for it. Nothing
// fails: what goes wrong is in status(), and in the log when it changes.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "client/credentials.h"
#include "client/endpoint.h"
#include "client/journal.h"
#include "client/s3_client.h"
#include "io/buffer_pool.h"
#include "net/interrupt.h"

namespace weir::mount {

class ChangeListener {
  public:
    virtual ~ChangeListener() = default;
    // Anything under the prefix may have changed.
    virtual void all_stale() = 0;
    // One key has another object now, or none. What was asked for before and comes later may be
    // older than this; and this may be older than what was asked for: the next entry mends it.
    virtual void changed(const client::JournalEntry& entry) = 0;
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
        client::Endpoint endpoint;
        client::CredentialChain& credentials;
        io::BufferPool& buffers;
        const Clock& clock;
        Log& log;
        ChangeListener& listener;
    };

    // Of the keys of `bucket` that begin with `prefix`.
    JournalFollower(const Parts& parts, std::string bucket, std::string prefix,
                    const FollowLimits& limits = {});
    ~JournalFollower();
    JournalFollower(const JournalFollower&) = delete;
    JournalFollower& operator=(const JournalFollower&) = delete;

    // invalid_argument where the endpoint's ca_file holds no certificates.
    Result<void> start();
    void stop();

    std::optional<std::uint64_t> era() const;
    FollowStatus status() const EXCLUDES(mutex_);

  private:
    using Steady = std::chrono::steady_clock;

    void follow();
    // One stream, from its beginning to its end.
    Result<void> follow_once();
    Result<void> take(const client::JournalLine& line);
    void take_begin(const client::JournalBegin& begin);
    void take_entry(const client::JournalEntry& entry);
    Result<void> take_end(const client::JournalEnd& end);
    void heard();  // something, so that the era lasts
    void lose();   // the stream
    void complain(const Error& error, bool unserved) EXCLUDES(mutex_);
    std::chrono::milliseconds pause_after(const Result<void>& ended);

    const Parts parts_;
    const std::string bucket_;
    const std::string prefix_;
    const FollowLimits limits_;
    const ClientLimits client_limits_;
    net::Interrupt stop_;
    std::unique_ptr<client::S3Client> client_;

    // The follower's thread's own.
    std::optional<client::JournalPlace> place_;
    bool began_ = false;     // the stream of now told its beginning
    unsigned failures_ = 0;  // in a row
    std::uint64_t last_era_ = 0;

    std::atomic<std::uint64_t> era_ = 0;
    std::atomic<Steady::rep> trusted_until_ = 0;  // Steady's; 0: not at all

    mutable Mutex mutex_;
    FollowStatus status_ GUARDED_BY(mutex_);
    std::thread thread_;  // the last
};

}  // namespace weir::mount
