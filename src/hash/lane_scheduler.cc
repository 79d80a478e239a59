#include "hash/lane_scheduler.h"

#include <memory>
#include <utility>

#include "base/check.h"

namespace weir::hash {

struct LaneScheduler::Job {
    Body* body;
    DigesterInput input;
    bool last;
    Done done;
    std::chrono::steady_clock::time_point gathered = {};
};

LaneScheduler::LaneScheduler(Submit submit, std::size_t lanes)
    : submit_(std::move(submit)), lanes_(lanes) {}

LaneScheduler::~LaneScheduler() {
    MutexLock lock(mutex_);
    CHECK(stats_.bodies == 0);
}

LaneScheduler::Stats LaneScheduler::stats() const {
    MutexLock lock(mutex_);
    Stats stats = stats_;
    stats.waiting = gathering_.size();
    return stats;
}

void LaneScheduler::gather(Job job) {
    job.body->state_ = Body::State::gathering;
    expected_.erase(job.body);
    gathering_.push_back(std::move(job));
}

LaneScheduler::Group LaneScheduler::take_if_complete() {
    const bool all_here = expected_.empty() && running_ == 0;
    if (all_here || gathering_.size() >= lanes_) return take();
    return {};
}

LaneScheduler::Group LaneScheduler::take() {
    const auto now = std::chrono::steady_clock::now();
    for (Job& job : gathering_) {
        job.body->state_ = Body::State::running;
        job.gathered = now;
        if (!job.last) ++running_;
    }
    return std::exchange(gathering_, {});
}

void LaneScheduler::start(Group group) {
    while (!group.empty()) {
        const auto shared = std::make_shared<Group>(std::move(group));
        if (submit_([this, shared] { run(std::move(*shared)); })) return;
        group = end(*shared, false);
    }
}

void LaneScheduler::run(Group group) {
    while (!group.empty()) {
        std::vector<DigesterInput> inputs;
        inputs.reserve(group.size());
        for (Job& job : group) inputs.push_back(std::move(job.input));
        update_together(inputs);
        group = end(group, true);
    }
}

LaneScheduler::Group LaneScheduler::end(Group& group, bool hashed) {
    Group complete;
    {
        MutexLock lock(mutex_);
        if (hashed) {
            ++stats_.groups;
            stats_.jobs += group.size();
        }
        bool hurried = false;
        for (std::size_t i = 0, jobs = group.size(); i < jobs; ++i) {
            Body& body = *group[i].body;
            body.state_ = Body::State::idle;
            if (group[i].last) continue;
            --running_;
            const std::unique_ptr<Job> next = std::move(body.next_);
            if (next != nullptr && hashed) {
                gather(std::move(*next));
                hurried |= std::exchange(body.hurried_, false);
                continue;
            }
            expected_.insert(&body);
            // Without the one before it would be worth nothing.
            if (next != nullptr) group.push_back(std::move(*next));
        }
        if (!gathering_.empty()) complete = hurried ? take() : take_if_complete();
    }
    // From here on each body that has no other job may be gone.
    for (const Job& job : group) job.done({.hashed = hashed, .gathered = job.gathered});
    return complete;
}

LaneScheduler::Body::Body(LaneScheduler& scheduler) : scheduler_(scheduler) {
    MutexLock lock(scheduler.mutex_);
    scheduler.expected_.insert(this);
    ++scheduler.stats_.bodies;
}

LaneScheduler::Body::~Body() {
    Group group;
    {
        MutexLock lock(scheduler_.mutex_);
        CHECK(state_ == State::idle);
        --scheduler_.stats_.bodies;
        scheduler_.expected_.erase(this);
        group = scheduler_.take_if_complete();
    }
    scheduler_.start(std::move(group));
}

void LaneScheduler::Body::post(DigesterInput input, More more, Done done) {
    Job job{.body = this,
            .input = std::move(input),
            .last = more == More::none,
            .done = std::move(done)};
    Group group;
    {
        MutexLock lock(scheduler_.mutex_);
        if (state_ != State::idle) {
            CHECK(next_ == nullptr);
            next_ = std::make_unique<Job>(std::move(job));
            return;
        }
        scheduler_.gather(std::move(job));
        group = std::exchange(hurried_, false) ? scheduler_.take() : scheduler_.take_if_complete();
    }
    scheduler_.start(std::move(group));
}

void LaneScheduler::Body::take_time() {
    MutexLock lock(scheduler_.mutex_);
    hurried_ = false;
}

void LaneScheduler::Body::hurry() {
    Group group;
    {
        MutexLock lock(scheduler_.mutex_);
        if (state_ == State::idle || next_ != nullptr) hurried_ = true;
        if (state_ != State::gathering) return;
        scheduler_.expected_.clear();
        group = scheduler_.take();
    }
    scheduler_.start(std::move(group));
}

}  // namespace weir::hash
