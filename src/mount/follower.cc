#include "mount/follower.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace weir::mount {

using std::chrono::milliseconds;

namespace {

// One connection, tried once: what comes after a failure is decided here.
ClientLimits limits_of_client(const FollowLimits& limits) {
    ClientLimits client;
    client.connections_max = 1;
    client.tries_max = 1;
    client.stall_timeout_ms = limits.silence_max_ms;
    return client;
}

// What asking again soon will not mend.
bool lasts(Code code) {
    return code == Code::not_implemented || code == Code::method_not_allowed ||
           code == Code::access_denied || code == Code::invalid_request ||
           code == Code::invalid_argument || code == Code::no_such_bucket;
}

}  // namespace

JournalFollower::JournalFollower(const Parts& parts, std::string bucket, std::string prefix,
                                 const FollowLimits& limits)
    : parts_(parts),
      bucket_(std::move(bucket)),
      prefix_(std::move(prefix)),
      limits_(limits),
      client_limits_(limits_of_client(limits)) {}

JournalFollower::~JournalFollower() { stop(); }

Result<void> JournalFollower::start() {
    CHECK(!thread_.joinable());
    TRY(client_, client::S3Client::make(parts_.endpoint, {.credentials = parts_.credentials,
                                                          .buffers = parts_.buffers,
                                                          .limits = client_limits_,
                                                          .clock = parts_.clock,
                                                          .log = parts_.log}));
    {
        MutexLock lock(mutex_);
        status_.state = FollowState::connecting;
    }
    thread_ = std::thread([this] { follow(); });
    return {};
}

void JournalFollower::stop() {
    stop_.interrupt();
    if (thread_.joinable()) thread_.join();
    lose();
    MutexLock lock(mutex_);
    status_.state = FollowState::off;
}

std::optional<std::uint64_t> JournalFollower::era() const {
    if (Steady::now().time_since_epoch().count() >= trusted_until_.load()) return std::nullopt;
    return era_.load();
}

FollowStatus JournalFollower::status() const {
    MutexLock lock(mutex_);
    return status_;
}

void JournalFollower::heard() {
    const auto until = Steady::now() + milliseconds(limits_.silence_max_ms);
    trusted_until_ = until.time_since_epoch().count();
    MutexLock lock(mutex_);
    status_.sequence = place_->sequence;
    if (status_.state == FollowState::following) return;
    status_.state = FollowState::following;
    status_.problem.clear();
    parts_.log.info("following the journal of {} from sequence {}", bucket_, place_->sequence);
}

void JournalFollower::lose() {
    trusted_until_ = 0;
    began_ = false;
    MutexLock lock(mutex_);
    status_.state = FollowState::connecting;
}

void JournalFollower::take_begin(const client::JournalBegin& begin) {
    began_ = true;
    {
        MutexLock lock(mutex_);
        ++status_.streams;
    }
    // Going on, entries that were missed come first: the next heartbeat says that they came.
    if (place_) return;
    place_ = {.sequence = begin.sequence, .incarnation = begin.incarnation};
    parts_.listener.all_stale();
    era_ = ++last_era_;
    heard();
}

void JournalFollower::take_entry(const client::JournalEntry& entry) {
    if (entry.key.empty()) {
        // The bucket itself: listings are what they were.
        place_->sequence = entry.sequence;
    } else {
        parts_.listener.changed(entry);
        place_->sequence = entry.sequence;
        MutexLock lock(mutex_);
        ++status_.entries;
    }
    if (era()) heard();
}

Result<void> JournalFollower::take_end(const client::JournalEnd& end) {
    place_->sequence = std::max(place_->sequence, end.sequence);
    if (end.reason == "deleted" || end.reason == "gone") place_.reset();
    return fail(Code::unavailable, "the server ended the journal's stream: " + end.reason);
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
        heard();
    }
    if (const auto* end = std::get_if<client::JournalEnd>(&line)) return take_end(*end);
    return {};
}

Result<void> JournalFollower::follow_once() {
    const client::JournalRequest request{.bucket = bucket_,
                                         .prefix = prefix_,
                                         .after = place_,
                                         .heartbeat = std::chrono::seconds(limits_.heartbeat_s)};
    const Result<void> ended = client_->follow_journal(
        request, [this](const client::JournalLine& line) { return take(line); },
        {.interrupt = &stop_});
    if (began_) failures_ = 0;
    lose();
    if (!ended && ended.error().code() == Code::journal_gone) place_.reset();
    return ended;
}

void JournalFollower::complain(const Error& error, bool unserved) {
    MutexLock lock(mutex_);
    if (unserved) status_.state = FollowState::unserved;
    if (status_.problem == error.message()) return;
    status_.problem = error.message();
    parts_.log.info("the journal of {} is not followed, what is cached lapses by its time: {}",
                    bucket_, error.describe());
}

milliseconds JournalFollower::pause_after(const Result<void>& ended) {
    if (ended) return milliseconds(0);
    const bool unserved = lasts(ended.error().code());
    complain(ended.error(), unserved);
    if (unserved) return milliseconds(limits_.unserved_pause_ms);
    constexpr unsigned doublings_max = 10;
    const std::uint64_t longest = std::min<std::uint64_t>(
        limits_.pause_max_ms, limits_.pause_min_ms << std::min(failures_++, doublings_max));
    // Some of it at random, so that the mounts of a server that was away do not come back at once.
    return milliseconds(longest / 2 + random_u64() % (longest / 2 + 1));
}

void JournalFollower::follow() {
    while (!stop_.interrupted()) {
        const Result<void> ended = follow_once();
        if (stop_.interrupted()) return;
        net::sleep_unless({&stop_, nullptr}, pause_after(ended));
    }
}

}  // namespace weir::mount
