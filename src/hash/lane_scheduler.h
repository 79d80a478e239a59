#pragma once
// Lets the buffers of many bodies gather, so that their digests share the lanes of a vector:
// sixteen bodies' MD5 and SHA-256 cost what four bodies' do one after the other.
//
// Whoever receives a body registers it, posts a buffer, and goes on receiving the next one. What
// was posted runs as one group, on one thread, as soon as nothing is gained by waiting: every body
// that is expected to post has posted, the lanes are full, or somebody is in a hurry. A body that a
// hurried group went without is not expected again before it posts, so one that its client feeds
// slowly delays others once, not always. A body alone waits for nobody. One may post its next
// buffer before the last has been hashed: the thread that hashes goes on with it at once.
//
// There is no timer in here and no thread. A job waits until its owner says hurry(), if nothing
// else starts it: so an owner that has nothing else to do, or holds what others wait for, must say
// it, after as much patience as it likes.
//
// Owned by main(), outlives its bodies. Everything is safe from any thread; a Body is used by one
// thread at a time, but for hurry(). No call blocks longer than it takes to note something down,
// unless `submit` does.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "hash/digester.h"

namespace weir::hash {

class LaneScheduler {
  public:
    class Body;

    // Hands work to some thread; false if it cannot take more (io::BlockingPool::submit).
    using Submit = std::function<bool(std::function<void()>)>;
    struct Ended {
        bool hashed = false;                             // false: no thread could be had
        std::chrono::steady_clock::time_point gathered;  // when the group was complete
    };
    using Done = std::function<void(const Ended&)>;
    explicit LaneScheduler(Submit submit, std::size_t lanes = lanes_worth_gathering());
    ~LaneScheduler();
    LaneScheduler(const LaneScheduler&) = delete;
    LaneScheduler& operator=(const LaneScheduler&) = delete;

    std::size_t lanes() const { return lanes_; }

    struct Stats {
        std::size_t bodies = 0;    // registered
        std::size_t waiting = 0;   // jobs that gather; fewer than lanes()
        std::uint64_t groups = 0;  // that ran, ever
        std::uint64_t jobs = 0;    // in them
    };
    Stats stats() const;

  private:
    struct Job;
    using Group = std::vector<Job>;

    void gather(Job job) REQUIRES(mutex_);
    // The jobs that gather, if they are to run now; else none.
    Group take_if_complete() REQUIRES(mutex_);
    Group take() REQUIRES(mutex_);
    void start(Group group) EXCLUDES(mutex_);
    void run(Group group) EXCLUDES(mutex_);
    // The group that is complete now.
    Group end(Group& group, bool hashed) EXCLUDES(mutex_);

    const Submit submit_;
    const std::size_t lanes_;
    mutable Mutex mutex_;
    Group gathering_ GUARDED_BY(mutex_);
    // Bodies that are expected to post and have no job; besides those, the ones that are in a group
    // that runs, unless that was their last.
    std::unordered_set<Body*> expected_ GUARDED_BY(mutex_);
    std::size_t running_ GUARDED_BY(mutex_) = 0;
    Stats stats_ GUARDED_BY(mutex_);
};

// A body that is being received.
class LaneScheduler::Body {
  public:
    explicit Body(LaneScheduler& scheduler);
    // Its job must have ended.
    ~Body();
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

    enum class More { expected, none };

    // Feeds `input` at some time on some thread; then, on that thread, or on this one before
    // post() returns, calls `done`. Unless it was hashed, nothing was fed. What `input` refers to
    // must live until then. At most two jobs of a body are under way; they are hashed in order, and
    // where the first was not, the second is not either.
    void post(DigesterInput input, More more, Done done);

    // What this body has posted waits no longer; if it has no job, what it posts next will not.
    void hurry();
    // Takes back what hurry() said of the next job.
    void take_time();

  private:
    friend class LaneScheduler;
    enum class State { idle, gathering, running };

    LaneScheduler& scheduler_;
    // Guarded by the scheduler's lock.
    State state_ = State::idle;
    std::unique_ptr<Job> next_;  // waits for the job before
    bool hurried_ = false;
};

}  // namespace weir::hash
