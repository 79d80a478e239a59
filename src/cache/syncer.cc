#include "cache/syncer.h"

#include <utility>

#include "base/limits.h"

namespace weir::cache {

Syncer::Syncer(Log& log) : log_(&log), thread_([this] { run(); }) {}

Syncer::~Syncer() {
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
        queue_.clear();
    }
    changed_.notify_all();
    thread_.join();
}

void Syncer::add(const std::shared_ptr<Entry>& entry) {
    {
        const MutexLock lock(mutex_);
        if (stopping_ || queue_.size() >= cache_sync_queue_max) return;
        queue_.push_back(entry);
    }
    changed_.notify_one();
}

void Syncer::run() {
    while (std::shared_ptr<Entry> entry = next()) {
        const Result<void> synced = entry->make_durable();
        if (!synced) log_->warn("cache: {}", synced.error().describe());
        entry.reset();
        done();
    }
}

std::shared_ptr<Entry> Syncer::next() {
    const MutexLock lock(mutex_);
    while (queue_.empty() && !stopping_) changed_.wait(mutex_);
    if (stopping_) return nullptr;
    std::shared_ptr<Entry> entry = std::move(queue_.front());
    queue_.pop_front();
    syncing_ = true;
    return entry;
}

void Syncer::done() {
    const MutexLock lock(mutex_);
    syncing_ = false;
}

std::size_t Syncer::held() const {
    const MutexLock lock(mutex_);
    return queue_.size() + (syncing_ ? 1 : 0);
}

}  // namespace weir::cache
