#include "mount/follower.h"

#include <algorithm>

#include "base/check.h"
#include "base/random.h"

namespace weir::mount {

using std::chrono::milliseconds;

namespace {

// What asking again soon will not mend.
bool lasts(Code code) {
    return code == Code::not_implemented || code == Code::method_not_allowed ||
           code == Code::access_denied || code == Code::invalid_request ||
           code == Code::invalid_argument || code == Code::no_such_bucket;
}

}  // namespace

JournalFollower::~JournalFollower() { stop(); }

void JournalFollower::start() {
    CHECK(!thread_.joinable());
    {
        MutexLock lock(mutex_);
        status_.state = FollowState::connecting;
    }
    thread_ = std::thread([this] { follow(); });
}

void JournalFollower::stop() {
    stop_.interrupt();
    if (thread_.joinable()) thread_.join();
    MutexLock lock(mutex_);
    status_.state = FollowState::off;
}

FollowStatus JournalFollower::status() const {
    MutexLock lock(mutex_);
    return status_;
}

void JournalFollower::trust() {
    caught_up_ = true;
    parts_.freshness.trust_until(Freshness::Clock::now() +
                                 milliseconds(parts_.limits.journal_silence_ms));
    MutexLock lock(mutex_);
    status_.sequence = place_->sequence;
    if (status_.state == FollowState::following) return;
    status_.state = FollowState::following;
    status_.problem.clear();
    parts_.log.info("following the journal of {} from sequence {} on", parts_.bucket,
                    place_->sequence);
}

void JournalFollower::lose() {
    const bool trusted = caught_up_;
    began_ = caught_up_ = false;
    if (!trusted) return;
    parts_.freshness.trust_until(Freshness::Clock::now());
    {
        MutexLock lock(mutex_);
        status_.state = FollowState::connecting;
    }
    parts_.listener.lost();
}

void JournalFollower::take_begin(const client::JournalBegin& begin) {
    began_ = true;
    {
        MutexLock lock(mutex_);
        ++status_.streams;
    }
    // Going on, what was missed comes first; the next heartbeat says that it came.
    if (place_) return;
    place_ = {.sequence = begin.sequence, .incarnation = begin.incarnation};
    // What is asked from here on is as new as the stream.
    parts_.freshness.forget();
    parts_.listener.all_changed();
    trust();
}

void JournalFollower::take_entry(const client::JournalEntry& entry) {
    if (!entry.key.empty()) parts_.listener.changed(entry);
    place_->sequence = std::max(place_->sequence, entry.sequence);
    {
        MutexLock lock(mutex_);
        ++status_.entries;
    }
    if (caught_up_) trust();
}

Error JournalFollower::take_end(const client::JournalEnd& end) {
    place_->sequence = std::max(place_->sequence, end.sequence);
    if (end.reason == "deleted" || end.reason == "gone") place_.reset();
    return Error(Code::unavailable, "the server ended the journal's stream: " + end.reason);
}

Result<void> JournalFollower::take(const client::JournalLine& line) {
    if (const auto* begin = std::get_if<client::JournalBegin>(&line)) {
        take_begin(*begin);
        return {};
    }
    if (!began_)
        return fail(Code::invalid_encoding, "the journal's stream does not begin as it should");
    if (const auto* entry = std::get_if<client::JournalEntry>(&line)) take_entry(*entry);
    if (const auto* heartbeat = std::get_if<client::JournalHeartbeat>(&line)) {
        place_->sequence = std::max(place_->sequence, heartbeat->sequence);
        trust();
    }
    if (const auto* end = std::get_if<client::JournalEnd>(&line)) return fail(take_end(*end));
    return {};
}

Error JournalFollower::follow_once() {
    const client::JournalRequest request{
        .bucket = parts_.bucket,
        .prefix = parts_.prefix,
        .after = place_,
        .heartbeat = std::chrono::seconds(parts_.limits.journal_heartbeat_s),
        .silence = milliseconds(parts_.limits.journal_silence_ms)};
    const Error ended = parts_.client.follow_journal(
        request, [this](const client::JournalLine& line) { return take(line); },
        {.interrupt = &stop_});
    if (began_) failures_ = 0;
    lose();
    if (ended.code() == Code::journal_gone) place_.reset();
    return ended;
}

void JournalFollower::note_problem(const Error& error, bool unserved) {
    MutexLock lock(mutex_);
    status_.state = unserved ? FollowState::unserved : FollowState::connecting;
    if (status_.problem == error.message()) return;
    status_.problem = error.message();
    parts_.log.info("the journal of {} is not followed, so what is cached lapses by its time: {}",
                    parts_.bucket, error.describe());
}

milliseconds JournalFollower::pause_after(const Error& error) {
    const bool unserved = lasts(error.code());
    note_problem(error, unserved);
    if (unserved) return milliseconds(parts_.limits.journal_unserved_ms);
    constexpr unsigned doublings_max = 10;
    const std::uint64_t longest =
        std::min(parts_.limits.journal_pause_max_ms,
                 parts_.limits.journal_pause_ms << std::min(failures_++, doublings_max));
    // Some of it at random, so that the mounts of a server that was away do not come back at once.
    return milliseconds(longest / 2 + random_u64() % (longest / 2 + 1));
}

void JournalFollower::follow() {
    while (!stop_.interrupted()) {
        const Error ended = follow_once();
        if (stop_.interrupted()) return;
        net::sleep_unless({&stop_, nullptr}, pause_after(ended));
    }
}

}  // namespace weir::mount
