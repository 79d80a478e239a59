#include "hash/lane_scheduler.h"

#include <memory>
#include <utility>

#include "base/check.h"

namespace weir::hash {

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

LaneScheduler::Group LaneScheduler::take_if_complete() {
    const bool all_here = expected_.empty() && running_ == 0;
    if (all_here || gathering_.size() >= lanes_) return take();
    return {};
}

LaneScheduler::Group LaneScheduler::take() {
    const auto now = std::chrono::steady_clock::now();
    for (const Job& job : gathering_) {
        job.body->state_ = Body::State::running;
        job.body->gathered_ = now;
        if (!job.body->last_) ++running_;
    }
    return std::exchange(gathering_, {});
}

void LaneScheduler::start(Group group) {
    if (group.empty()) return;
    const auto shared = std::make_shared<Group>(std::move(group));
    auto run = [this, shared] {
        std::vector<DigesterInput> inputs;
        inputs.reserve(shared->size());
        for (Job& job : *shared) inputs.push_back(std::move(job.input));
        update_together(inputs);
        end(*shared, true);
    };
    if (!submit_(std::move(run))) end(*shared, false);
}

void LaneScheduler::end(Group& group, bool hashed) {
    {
        MutexLock lock(mutex_);
        if (hashed) {
            ++stats_.groups;
            stats_.jobs += group.size();
        }
        for (const Job& job : group) {
            job.body->state_ = Body::State::idle;
            if (job.body->last_) continue;
            --running_;
            expected_.insert(job.body);
        }
    }
    // From here on each body may be gone.
    for (const Job& job : group) job.done(hashed);
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

void LaneScheduler::Body::post(DigesterInput input, More more, std::function<void(bool)> done) {
    Group group;
    {
        MutexLock lock(scheduler_.mutex_);
        CHECK(state_ == State::idle);
        state_ = State::gathering;
        last_ = more == More::none;
        scheduler_.expected_.erase(this);
        scheduler_.gathering_.push_back({this, std::move(input), std::move(done)});
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
        if (state_ == State::idle) hurried_ = true;
        if (state_ != State::gathering) return;
        scheduler_.expected_.clear();
        group = scheduler_.take();
    }
    scheduler_.start(std::move(group));
}

}  // namespace weir::hash
