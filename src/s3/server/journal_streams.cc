#include "s3/server/journal_streams.h"

namespace weir::s3 {

JournalStreams::Place::~Place() {
    if (streams_ == nullptr) return;
    MutexLock lock(streams_->mutex_);
    streams_->open_.erase(wakeup_);
}

Result<JournalStreams::Place> JournalStreams::enter(std::shared_ptr<net::Wakeup> wakeup) {
    MutexLock lock(mutex_);
    if (closed_) return fail(Code::unavailable, "The server is stopping.");
    if (open_.size() >= streams_max_) return fail(Code::slow_down);
    open_.insert(wakeup);
    return Place(*this, std::move(wakeup));
}

void JournalStreams::close() {
    MutexLock lock(mutex_);
    closed_ = true;
    for (const std::shared_ptr<net::Wakeup>& wakeup : open_) wakeup->announce();
}

std::size_t JournalStreams::size() const {
    MutexLock lock(mutex_);
    return open_.size();
}

}  // namespace weir::s3
