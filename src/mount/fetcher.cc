#include "mount/fetcher.h"

#include <algorithm>
#include <utility>

#include "mount/weights.h"

namespace weir::mount {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t complete_max = 65'536;
constexpr std::size_t claims_max = 65'536;
constexpr milliseconds wait_slice{2};
constexpr milliseconds rate_after{100};  // so long a rate is measured before it is believed

}  // namespace

Fetcher::Fetcher(Contents& contents, Listing& listing, cache::Cache& cache,
                 const MountLimits& limits, Log& log)
    : contents_(contents),
      listing_(listing),
      cache_(cache),
      limits_(limits),
      log_(log),
      queue_(limits.sweeps_max) {
    for (std::size_t i = 0; i < limits.fetch_threads; ++i) threads_.emplace_back([this] { run(); });
}

void Fetcher::stop() {
    stopping_.interrupt();
    {
        const MutexLock lock(mutex_);
        stopped_ = true;
        queue_.clear();
        errands_.clear();
    }
    changed_.notify_all();
    for (std::thread& thread : threads_)
        if (thread.joinable()) thread.join();
    threads_.clear();
}

std::uint64_t Fetcher::whole_bytes_max() const {
    return cache_.usage().bytes_max / 100 * limits_.sweep_share_percent;
}

void Fetcher::run() {
    while (true) {
        std::function<void()> errand;
        std::optional<FetchQueue::Work> next;
        {
            const MutexLock lock(mutex_);
            while (!stopped_ && !(errand = next_errand()) &&
                   !(next = queue_.take(limits_.sweep_part_bytes)))
                changed_.wait(mutex_);
            if (stopped_) return;
        }
        if (errand) {
            errand();
        } else {
            work(*next);
        }
    }
}

void Fetcher::work(const FetchQueue::Work& work) {
    FetchTask& task = *work.task;
    if (work.range.length == 0) {
        const Result<void> found = look_up(task);
        if (found) return;
        log_.debug("{} is not fetched ahead: {}", task.name, found.error().describe());
        const MutexLock lock(mutex_);
        task.failed = true;
        return;
    }
    Result<std::uint64_t> fetched = 0;
    if (work.first) {
        const Result<void> learned = task.content->learn_checksum(cache_, call());
        if (!learned) fetched = std::unexpected(learned.error());
    }
    if (fetched) fetched = task.content->fetch(work.range, call());
    const MutexLock lock(mutex_);
    if (fetched) {
        stats_.bytes += *fetched;
        return;
    }
    if (std::exchange(task.failed, true) || stopped_) return;
    ++stats_.failures;
    // Where there is no room readers get on without the cache; and others change what they like.
    const Code code = fetched.error().code();
    const bool expected = code == Code::no_space || code == Code::stale;
    log_.log(expected ? spdlog::level::debug : spdlog::level::warn, "fetching {} ahead failed: {}",
             task.content->key(), fetched.error().describe());
}

Result<void> Fetcher::look_up(FetchTask& task) {
    TRY(const NodeInfo node, listing_.lookup(task.folder, task.name, call()));
    if (node.folder() || node.draft || node.version.bytes > whole_bytes_max())
        return fail(Code::invalid_argument, "a folder, being written, or too large");
    TRY(std::shared_ptr<Content> content, contents_.of(node));
    const MutexLock lock(mutex_);
    if (task.sibling && !claim(node) && !content->complete())
        return fail(Code::no_space, "the cache has no room for it until others were read");
    task.end = content->keeps() ? content->bytes() : 0;
    if (content->complete()) note_complete(node.id);
    task.content = std::move(content);
    changed_.notify_all();
    return {};
}

void Fetcher::note_complete(NodeId node) {
    if (complete_.size() >= complete_max) complete_.clear();
    complete_.insert(node);
}

bool Fetcher::claim(const NodeInfo& node) {
    if (claims_.size() >= claims_max) claims_.clear();
    std::uint64_t bytes = node.version.bytes;
    for (const auto& [id, each] : claims_)
        if (each.folder == node.parent && id != node.id) bytes += each.bytes;
    if (bytes > whole_bytes_max()) return false;
    claims_.insert_or_assign(node.id, Claim{.folder = node.parent, .bytes = node.version.bytes});
    return true;
}

bool Fetcher::later(std::function<void()> errand) {
    if (errands_.size() >= limits_.sweeps_max) return false;
    errands_.push_back(std::move(errand));
    changed_.notify_all();
    return true;
}

std::function<void()> Fetcher::next_errand() {
    if (!errands_.empty()) {
        auto errand = std::move(errands_.front());
        errands_.pop_front();
        return errand;
    }
    const bool room = queue_.waiting(Urgency::matching) <= limits_.sweeps_max / 2;
    if (searches_.empty() || searching_ || !room) return nullptr;
    searching_ = true;
    return [this] { find_matching(); };
}

bool Fetcher::sweep(const NodeInfo& node, const std::shared_ptr<Content>& content) {
    // Others may have been left out for want of room.
    add_siblings(node.parent, numbered_siblings(node.name));
    if (queue_.sweeping(content.get(), Urgency::sweep)) return true;
    const auto part = [&](std::uint64_t from, std::uint64_t to) {
        return std::make_shared<FetchTask>(FetchTask{
            .content = content, .folder = node.parent, .name = node.name, .next = from, .end = to});
    };
    if (is_archive(node.name) && content->bytes() > limits_.archive_tail_bytes) {
        const std::uint64_t bytes = content->bytes();
        queue_.add(Urgency::window, part(bytes - limits_.archive_tail_bytes, bytes));
        queue_.add(Urgency::window, part(0, std::min(limits_.archive_head_bytes, bytes)));
    }
    changed_.notify_all();
    return queue_.add(Urgency::sweep, std::make_shared<FetchTask>(FetchTask{.content = content,
                                                                            .folder = node.parent,
                                                                            .name = node.name,
                                                                            .end = content->bytes(),
                                                                            .whole = true}));
}

void Fetcher::add_siblings(NodeId folder, const std::vector<std::string>& names) {
    for (const std::string& name : names)
        if (!queue_.waits(folder, name))
            queue_.add(Urgency::sibling,
                       std::make_shared<FetchTask>(FetchTask{
                           .folder = folder, .name = name, .whole = true, .sibling = true}));
    changed_.notify_all();
}

void Fetcher::opened(const NodeInfo& node, const std::shared_ptr<Content>& content) {
    if (!content->keeps()) return;
    const std::uint64_t share = whole_bytes_max();
    const MutexLock lock(mutex_);
    if (stopped_) return;
    const bool fits = content->bytes() <= share;
    const bool weights = is_weights(node.name) && fits;
    const bool small = content->bytes() <= limits_.small_file_bytes_max;
    if (weights)
        claims_.insert_or_assign(node.id, Claim{.folder = node.parent, .bytes = content->bytes()});
    if (!content->complete() && content->entry()) {
        const auto at = reading_.try_emplace(
            node.id,
            Reading{.streams = Streams(limits_, content->bytes(), cache_.usage().bytes_max),
                    .oversized = !fits});
        if (weights) at.first->second.whole = sweep(node, content);
    } else if (small && content->complete()) {
        note_complete(node.id);
    } else if (weights) {
        add_siblings(node.parent, numbered_siblings(node.name));
    }
    if (is_weights_index(node.name))
        later([this, folder = node.parent, content] { read_index(folder, content); });
    if (small) in_turn(node);
}

void Fetcher::reads(NodeId node, const std::shared_ptr<Content>& content, std::uint64_t offset,
                    std::uint64_t bytes) {
    if (!content->entry() || content->complete()) return;
    Streams::Next next;
    {
        const MutexLock lock(mutex_);
        const auto found = reading_.find(node);
        if (found == reading_.end() || found->second.whole) return;
        next = found->second.streams.reads(offset, bytes);
        if (!found->second.oversized) next.behind.reset();
        if (next.fetch && next.fetch->offset < content->bytes()) {
            queue_.add(Urgency::window, std::make_shared<FetchTask>(FetchTask{
                                            .content = content,
                                            .next = next.fetch->offset,
                                            .end = next.fetch->offset + next.fetch->length}));
            changed_.notify_all();
        }
    }
    if (!next.behind) return;
    const Result<void> discarded = content->entry()->discard(*next.behind);
    if (!discarded && discarded.error().code() != Code::conflict)
        log_.warn("the cache keeps what was read of {}: {}", content->key(),
                  discarded.error().describe());
}

void Fetcher::closed(NodeId node) {
    const MutexLock lock(mutex_);
    reading_.erase(node);
    claims_.erase(node);
}

bool Fetcher::wait_complete(const std::shared_ptr<Content>& content, const client::Call& call) {
    if (content->complete()) return true;
    if (!content->entry()) return false;
    const auto began = steady_clock::now();
    const std::uint64_t had = content->entry()->present_bytes();
    while (!content->complete()) {
        if (call.interrupted()) return false;
        {
            const MutexLock lock(mutex_);
            const bool sweeps =
                std::ranges::any_of(reading_, [](const auto& each) { return each.second.whole; });
            if (stopped_ || !sweeps || content->dropped()) return false;
            changed_.wait_for(mutex_, wait_slice);
        }
        const auto waited = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
        if (waited < rate_after) continue;
        const std::uint64_t have = content->entry()->present_bytes();
        const double rate =
            static_cast<double>(have - std::min(have, had)) / static_cast<double>(waited.count());
        const double left = static_cast<double>(content->bytes() - have);
        if (left > rate * static_cast<double>(limits_.complete_wait_ms)) return false;
    }
    return true;
}

Fetcher::Stats Fetcher::stats() const {
    const MutexLock lock(mutex_);
    Stats stats = stats_;
    stats.waiting = queue_.size();
    for (const auto& content : queue_.contents())
        stats.fetching.push_back({.key = content->key(),
                                  .done_bytes = content->entry()->present_bytes(),
                                  .bytes = content->bytes()});
    return stats;
}

}  // namespace weir::mount
